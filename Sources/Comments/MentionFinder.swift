/// Finds mentions in plain text: `@` and a name of letters, digits, `_`, `-` and `.`.
enum MentionFinder {
    private static let maxBytes = 64

    /// The name after the `@` at `index`; nil when that begins no mention. An e-mail address holds none.
    static func name(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Range<Int>? {
        if let (before, _) = UTF8Text.scalar(in: text, before: index) {
            switch before {
            case "@", "/", "-", "+", ".", "=": return nil
            default: if UTF8Text.isWord(before) { return nil }
            }
        }
        let start = index + 1
        var end = start
        while end < text.count {
            let (scalar, length) = UTF8Text.scalar(in: text, at: end)
            guard UTF8Text.isWord(scalar) || scalar == "-" || scalar == "." else { break }
            end += length
            if end - start > maxBytes { return nil }
        }
        // The end of a sentence is no part of the name; `@.` and `@-` are none.
        while end > start, text[end - 1] == UInt8(ascii: ".") || text[end - 1] == UInt8(ascii: "-") { end -= 1 }
        guard end > start, text[start] != UInt8(ascii: "."), text[start] != UInt8(ascii: "-") else { return nil }
        return start..<end
    }
}
