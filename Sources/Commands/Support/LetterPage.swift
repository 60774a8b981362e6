/// How many letters are read from Redis, or moved, at a time: few where they are large. Pure.
struct LetterPage {
    /// No page has more letters.
    static let most = 200
    /// Bytes that a page should not exceed by more than a letter.
    static let bytes = 4 << 20

    /// How many to read next. Nothing is known of the first ones.
    private(set) var count = 20

    /// So many letters had so many bytes: the next ones are taken to be like them.
    mutating func read(_ letters: Int, bytes: Int) {
        guard letters > 0 else { return }
        count = min(LetterPage.most, max(1, LetterPage.bytes / max(1, bytes / letters)))
    }

    /// Where to part a row of letters of these sizes so that no part exceeds a page; a larger letter goes alone.
    static func parts(of sizes: [Int]) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var (start, sum) = (0, 0)
        for (index, size) in sizes.enumerated() {
            if index > start, index - start == most || sum + size > bytes {
                parts.append(start..<index)
                (start, sum) = (index, 0)
            }
            sum += size
        }
        if start < sizes.count { parts.append(start..<sizes.count) }
        return parts
    }
}
