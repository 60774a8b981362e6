import JSON
public import Pipeline

/// The options of the stage `format`.
public struct FormatOptions: Sendable {
    /// The keys of members that are removed at any depth.
    public var privateKeys: [String]
    /// Whether `text` is published beside `html`.
    public var keepText: Bool
    /// The largest published form of an event, in percent of the event, besides 2 KiB that any event may grow by.
    public var maxGrowth: Int

    public init(private privateKeys: [String] = ["email", "ip"], keepText: Bool = false, maxGrowth: Int = 133) {
        self.privateKeys = privateKeys
        self.keepText = keepText
        self.maxGrowth = maxGrowth
    }
}

/// `format`: brings an event into the form that clients get, once for all readers.
///
/// `text` becomes `html`: escaped, with links, mentions and line ends as markup. The names that the text mentions go
/// into `mentions`, unless the event has that member. Private members are removed, and so are addresses (`url`,
/// `avatar`, …) that are neither http, https, mailto nor relative. Every other string stays plain text, which clients
/// must escape. An event that would become too long (``FormatOptions/maxGrowth``) becomes a dead letter.
public final class FormatStage: Stage {
    private let formatter: CommentFormatter

    public init(_ options: FormatOptions = FormatOptions()) {
        formatter = CommentFormatter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var formatted = event
        if let problem = formatter.format(&formatted.fields) { return .reject(reason: problem) }
        return .forward([formatted])
    }
}

/// Brings an event into the form that clients get: `html` from `text`, no private members, no address that runs code.
struct CommentFormatter {
    private let keepText: Bool
    private let privateKeys: Set<String>
    private let growth: GrowthLimit

    init(options: FormatOptions) {
        keepText = options.keepText
        growth = GrowthLimit(percent: options.maxGrowth, keepsText: options.keepText)
        privateKeys = Set(options.privateKeys)
    }

    /// Returns why the event cannot be published; nil when it can.
    @discardableResult
    func format(_ fields: inout JSONObject) -> String? {
        let given = fields
        scrub(&fields)
        cleanAuthor(&fields)
        // Only this stage makes HTML: an `html` that a sender gave is not trusted, and replaced or removed.
        let comment = fields["text"]?.string.map(CommentHTML.init)
        fields["html"] = comment.map { .string(String(decoding: $0.html, as: UTF8.self)) }
        if let comment, !comment.mentions.isEmpty, fields["mentions"]?.isNull ?? true {
            fields["mentions"] = .array(comment.mentions.map(JSON.string))
        }
        if !keepText { fields["text"] = nil }
        return growth.problem(before: given, after: fields)
    }

    /// Removes private members and unsafe addresses, at every depth.
    private func scrub(_ object: inout JSONObject) {
        object.retainMembers { key, value in
            if privateKeys.contains(key) { return false }
            switch value {
            case .string(let text): return !SafeURL.isKey(key) || SafeURL.isSafe(text)
            case .array(var elements):
                if SafeURL.isKey(key) {
                    elements.removeAll { $0.string.map { !SafeURL.isSafe($0) } ?? false }
                }
                scrub(&elements)
                value = .array(elements)
            case .object(var inner):
                scrub(&inner)
                value = .object(inner)
            default: break
            }
            return true
        }
    }

    private func scrub(_ elements: inout [JSON]) {
        for index in elements.indices {
            switch elements[index] {
            case .object(var inner):
                scrub(&inner)
                elements[index] = .object(inner)
            case .array(var inner):
                scrub(&inner)
                elements[index] = .array(inner)
            default: break
            }
        }
    }

    private func cleanAuthor(_ fields: inout JSONObject) {
        switch fields["author"] {
        case .object(var author):
            guard let name = author["name"]?.string, let clean = PlainText.cleanedName(name) else { return }
            author["name"] = .string(clean)
            fields["author"] = .object(author)
        case .string(let name):
            if let clean = PlainText.cleanedName(name) { fields["author"] = .string(clean) }
        default: break
        }
    }
}

/// Decides whether a page may use a string as the address of a link or an image.
enum SafeURL {
    private static let keys: Set<String> = [
        "url", "uri", "link", "href", "src", "avatar", "image", "picture", "photo", "icon", "thumbnail", "website",
        "homepage", "permalink",
    ]

    /// Whether members with this key hold addresses: `url`, `avatar` and the like, also as a suffix (`avatar_url`).
    static func isKey(_ key: String) -> Bool {
        if keys.contains(key) { return true }
        let lower = key.lowercased()
        return keys.contains(lower) || lower.hasSuffix("url") || lower.hasSuffix("uri") || lower.hasSuffix("link")
            || lower.hasSuffix("avatar") || lower.hasSuffix("image")
    }

    /// Whether an address is relative or has the scheme `http`, `https` or `mailto`. The scheme is parsed as browsers
    /// do (WHATWG URL): leading white space and controls, and tabs and line ends inside, are ignored. An address is
    /// unsafe when its beginning has characters that HTML or browsers interpret (`&colon;`, `\`).
    static func isSafe(_ text: String) -> Bool {
        var scheme: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x09, 0x0A, 0x0D: continue
            case 0x00...0x20 where scheme.isEmpty: continue
            case UInt8(ascii: ":"): return scheme == Self.http || scheme == Self.https || scheme == Self.mailto
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"): return true
            case 0x00..<0x20, 0x7F, UInt8(ascii: "&"), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
                return false
            default:
                let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                scheme.append(isUpper ? byte | 0x20 : byte)
            }
        }
        return true
    }

    private static let http = [UInt8]("http".utf8)
    private static let https = [UInt8]("https".utf8)
    private static let mailto = [UInt8]("mailto".utf8)
}
