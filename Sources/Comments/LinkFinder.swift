/// Finds links in plain text: `http://`, `https://` and `www.` with a host, nothing else. No other scheme ever becomes a
/// link.
enum LinkFinder {
    /// A longer one is left as text. Source: the length that every browser and server takes.
    private static let maxBytes = 2048

    /// What begins at a place in a text.
    enum Finding {
        case nothing
        /// A link, and whether a scheme must be put before it.
        case link(Range<Int>, needsScheme: Bool)
        /// Something that is too long for a link. Text up to there at least, and not to be searched again: a text of
        /// nothing but beginnings would cost the square of its length.
        case text(until: Int)
    }

    static func find(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Finding {
        guard let start = LinkStart.length(in: text, at: index), !isInsideWord(text, index) else { return .nothing }
        let needsScheme = text[index] | 0x20 == UInt8(ascii: "w")
        var end = index + start
        while end < text.count {
            let (scalar, length) = UTF8Text.scalar(in: text, at: end)
            guard isPart(scalar) else { break }
            end += length
            if end - index > maxBytes { return .text(until: end) }
        }
        end = withoutTrailingPunctuation(text, index..<end)
        guard end > index + start, hasHost(text[index + start..<end], afterWWW: needsScheme) else {
            return .nothing
        }
        return .link(index..<end, needsScheme: needsScheme)
    }

    private static func isInsideWord(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        UTF8Text.scalar(in: text, before: index).map { UTF8Text.isWord($0.0) } ?? false
    }

    /// Whether a character may stand in a link. Quotes, brackets and backslashes end it: browsers read some of them in
    /// their own way.
    private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "<", ">", "\"", "`", "\\", "^", "{", "|", "}": return false
        default: break
        }
        if scalar.isASCII { return scalar.value > 0x20 && scalar.value < 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
            .unassigned:
            return false
        default: return true
        }
    }

    /// The end of the link without the punctuation of the sentence around it, and without closing brackets that were
    /// opened outside of it.
    private static func withoutTrailingPunctuation(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) -> Int {
        // How many brackets are closed more often than opened, kept while they are taken off one by one.
        var excessRound = 0
        var excessSquare = 0
        for byte in text[range] {
            switch byte {
            case UInt8(ascii: "("): excessRound -= 1
            case UInt8(ascii: ")"): excessRound += 1
            case UInt8(ascii: "["): excessSquare -= 1
            case UInt8(ascii: "]"): excessSquare += 1
            default: break
            }
        }
        var end = range.upperBound
        while end > range.lowerBound, let (scalar, length) = UTF8Text.scalar(in: text, before: end) {
            switch scalar {
            case ".", ",", ";", ":", "!", "?", "'", "*", "_", "~": break
            case ")" where excessRound > 0: excessRound -= 1
            case "]" where excessSquare > 0: excessSquare -= 1
            default:
                guard !scalar.isASCII else { return end }
                switch scalar.properties.generalCategory {
                case .closePunctuation, .finalPunctuation, .otherPunctuation: break
                default: return end
                }
            }
            end -= length
        }
        return end
    }

    /// Whether a host follows: it begins with a letter or a digit, holds no `@` (`http://bank.example@evil.example` leads
    /// to the second), and after `www.` has another dot inside.
    private static func hasHost(_ rest: Slice<UnsafeBufferPointer<UInt8>>, afterWWW: Bool) -> Bool {
        let host = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let first = host.first, first >= 0x80 || (UTF8Text.isWord(first) && first != UInt8(ascii: "_")),
            !host.contains(UInt8(ascii: "@"))
        else { return false }
        return !afterWWW || host.dropLast().contains(UInt8(ascii: "."))
    }
}

/// What a link in a text begins with.
enum LinkStart {
    private static let http = [UInt8]("http://".utf8)
    private static let https = [UInt8]("https://".utf8)
    private static let www = [UInt8]("www.".utf8)

    /// The length of `http://`, `https://` or `www.` at `index`, in any case; nil when none stands there.
    static func length(in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
        guard index < text.count else { return nil }
        switch text[index] | 0x20 {
        case UInt8(ascii: "h"):
            if has(http, in: text, at: index) { return http.count }
            return has(https, in: text, at: index) ? https.count : nil
        case UInt8(ascii: "w"):
            return has(www, in: text, at: index) ? www.count : nil
        default: return nil
        }
    }

    private static func has(_ prefix: [UInt8], in text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        guard index + prefix.count <= text.count else { return false }
        for offset in prefix.indices {
            let byte = text[index + offset]
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            if (isUpper ? byte | 0x20 : byte) != prefix[offset] { return false }
        }
        return true
    }
}

/// Counts the links of a text: what begins with `http://`, `https://` or `www.`, upper and lower case alike. A domain
/// alone is none: too much that is no link looks like one.
enum LinkCount {
    static func links(in text: [UInt8]) -> Int {
        text.withUnsafeBufferPointer { text in
            var count = 0
            var index = 0
            while index < text.count {
                if let length = LinkStart.length(in: text, at: index) {
                    count += 1
                    index += length
                    // `http://www.` is one.
                    if let length = LinkStart.length(in: text, at: index) { index += length }
                } else {
                    index += 1
                }
            }
            return count
        }
    }
}
