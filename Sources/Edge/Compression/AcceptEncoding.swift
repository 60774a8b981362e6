/// The `Accept-Encoding` field (RFC 9110, 12.5.3), as far as it concerns gzip. Pure.
enum AcceptEncoding {
    /// Whether the client takes gzip: it names it, or everything, and not with a weight of zero.
    static func takesGzip(_ field: Span<UInt8>) -> Bool {
        var named: Bool?
        var any = false
        var start = 0
        while start < field.count {
            let end = field.firstIndex(of: 0x2C, from: start) ?? field.count
            let item = field.extracting(start..<end)
            start = end + 1
            let semicolon = item.firstIndex(of: 0x3B) ?? item.count
            let word = item.extracting(0..<semicolon)
            let coding = word.extracting(word.trimmed())
            let isWanted = !isZero(item.extracting(min(semicolon + 1, item.count)..<item.count))
            if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") {
                named = isWanted
            } else if coding.equals("*") {
                any = isWanted
            }
        }
        return named ?? any
    }

    /// Whether an item's parameters give it no weight, or one that is none: `q=0`, `q=0.000`, `q=x`.
    private static func isZero(_ parameters: Span<UInt8>) -> Bool {
        let text = parameters.extracting(parameters.trimmed())
        guard text.count > 0 else { return false }
        guard text.count > 2, text[0].lowercasedASCII == 0x71, text[1] == 0x3D else { return true }
        var hasWeight = false
        for index in 2..<text.count {
            guard text[index].isDigit || text[index] == 0x2E else { return true }
            if text[index] != 0x30, text[index] != 0x2E { hasWeight = true }
        }
        return !hasWeight
    }
}
