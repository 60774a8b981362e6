/// Checks HTML against a list of what is allowed, independently of the formatter: text with complete entities, and
/// three forms of elements, fixed except for a link's address and the text inside. Quotes are text as any other, but
/// not in an address.
struct MarkupCheck {
    private var rest: Substring
    private let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"]

    /// What is not allowed in `html`; nil when everything is.
    static func problem(in html: String) -> String? {
        var check = MarkupCheck(rest: Substring(html))
        return check.run()
    }

    private mutating func run() -> String? {
        while !rest.isEmpty {
            if skip("<br>") { continue }
            if skip("<a href=\"") {
                guard rest.hasPrefixIgnoringCase("http://") || rest.hasPrefixIgnoringCase("https://") else {
                    return "an address without http"
                }
                guard text(until: "\"", quotes: false), skip("\" rel=\"nofollow ugc noopener\" target=\"_blank\">"),
                    text(until: "<", quotes: true), skip("</a>")
                else { return "a link that is not whole before \(rest.prefix(40))" }
                continue
            }
            if skip("<span class=\"mention\">@") {
                guard text(until: "<", quotes: false), skip("</span>") else { return "a mention that is not whole" }
                continue
            }
            guard character(inText: true) else { return "not allowed: \(rest.prefix(40))" }
        }
        return nil
    }

    /// Reads text up to the delimiter, exclusive.
    private mutating func text(until delimiter: Unicode.Scalar, quotes: Bool) -> Bool {
        var isEmpty = true
        while let scalar = rest.unicodeScalars.first, scalar != delimiter {
            guard character(quotes: quotes) else { return false }
            isEmpty = false
        }
        return !isEmpty && !rest.isEmpty
    }

    /// Reads one character or entity of text.
    private mutating func character(inText: Bool = false, quotes: Bool = false) -> Bool {
        guard let scalar = rest.unicodeScalars.first else { return false }
        switch scalar {
        case "&":
            for entity in entities where skip(entity) { return true }
            return false
        case "<", ">": return false
        case "\"", "'":
            guard inText || quotes else { return false }
        case " ", "\t":
            guard inText else { return false }
        default:
            switch scalar.value {
            case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: return false
            default: break
            }
        }
        rest.unicodeScalars.removeFirst()
        return true
    }

    private mutating func skip(_ prefix: String) -> Bool {
        guard rest.unicodeScalars.starts(with: prefix.unicodeScalars) else { return false }
        rest.unicodeScalars.removeFirst(prefix.unicodeScalars.count)
        return true
    }
}

extension Substring {
    fileprivate func hasPrefixIgnoringCase(_ prefix: String) -> Bool {
        unicodeScalars.prefix(prefix.unicodeScalars.count).map { $0.properties.lowercaseMapping }.joined() == prefix
    }
}
