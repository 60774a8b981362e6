/// Finds links in plain text: `http://`, `https://` and `www.`, each with a host. No other scheme becomes a link.
enum LinkFinder {
    /// A longer link stays text. Source: every browser and server accepts URLs of this length.
    private static let maxBytes = 2048

    /// What begins at an index of a text.
    enum Finding {
        case nothing
        /// A link, and whether it lacks a scheme.
        case link(Range<Int>, needsScheme: Bool)
        /// Something too long for a link. The search continues at `until`, not before: otherwise a text that consists
        /// of beginnings of links would take quadratic time.
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

    /// Whether a character may be part of a link. Quotes, braces, angle brackets and backslashes end it, since browsers
    /// interpret some of them.
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

    /// The end of the link without the punctuation of the surrounding sentence, and without closing brackets that were
    /// opened before the link.
    private static func withoutTrailingPunctuation(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) -> Int {
        // How many more brackets are closed than opened in the part of the link that is left.
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

    /// Whether the rest begins with a host: a letter or a digit first, no `@` (`http://bank.example@evil.example` leads
    /// to the second host), and after `www.` another dot inside.
    private static func hasHost(_ rest: Slice<UnsafeBufferPointer<UInt8>>, afterWWW: Bool) -> Bool {
        let host = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let first = host.first, first >= 0x80 || (UTF8Text.isWord(first) && first != UInt8(ascii: "_")),
            !host.contains(UInt8(ascii: "@"))
        else { return false }
        return !afterWWW || host.dropLast().contains(UInt8(ascii: "."))
    }
}

/// The prefixes with which a link in a text begins.
enum LinkStart {
    private static let http = [UInt8]("http://".utf8)
    private static let https = [UInt8]("https://".utf8)
    private static let www = [UInt8]("www.".utf8)

    /// The length of `http://`, `https://` or `www.` at `index`, ignoring case; nil when none of them is there.
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

/// Counts the links of a text: every `http://`, `https://` or `www.`, ignoring case. A domain alone does not count,
/// since too much other text looks like a domain.
enum LinkCount {
    static func links(in text: [UInt8]) -> Int {
        text.withUnsafeBufferPointer { text in
            var count = 0
            var index = 0
            while index < text.count {
                if let length = LinkStart.length(in: text, at: index) {
                    count += 1
                    index += length
                    // `http://www.` is one link.
                    if let length = LinkStart.length(in: text, at: index) { index += length }
                } else {
                    index += 1
                }
            }
            return count
        }
    }
}
