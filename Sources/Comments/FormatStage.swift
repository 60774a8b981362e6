import JSON
public import Pipeline

/// What the stage `format` can be told.
public struct FormatOptions: Sendable {
    /// Keys of members that are removed wherever they stand, at any depth.
    public var privateKeys: [String]
    /// Whether `text` is published beside `html`.
    public var keepText: Bool

    public init(private privateKeys: [String] = ["email", "ip"], keepText: Bool = false) {
        self.privateKeys = privateKeys
        self.keepText = keepText
    }
}

/// `format`: makes the final form for clients, once for all readers.
///
/// `text` becomes `html`: everything escaped, then links, mentions and line ends marked up. Names that the text mentions
/// go into `mentions` unless the event has its own. Private members go, and addresses (`url`, `avatar`, …) that are
/// neither http, https, mailto nor relative. Every other string stays plain text, to be shown as text.
public final class FormatStage: Stage {
    private let formatter: CommentFormatter

    public init(_ options: FormatOptions = FormatOptions()) {
        formatter = CommentFormatter(options: options)
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        var event = event
        formatter.format(&event.fields)
        return .forward([event])
    }
}

/// Brings an event into the form that clients get: `text` as `html`, nothing private, no address that could run.
struct CommentFormatter {
    private let keepText: Bool
    private let privateKeys: Set<String>

    init(options: FormatOptions) {
        keepText = options.keepText
        privateKeys = Set(options.privateKeys)
    }

    func format(_ fields: inout JSONObject) {
        scrub(&fields)
        cleanAuthor(&fields)
        // Only this stage makes HTML: what came from outside is not to be trusted.
        let comment = fields["text"]?.string.map(CommentHTML.init)
        fields["html"] = comment.map { .string(String(decoding: $0.html, as: UTF8.self)) }
        if let comment, !comment.mentions.isEmpty, fields["mentions"]?.isNull ?? true {
            fields["mentions"] = .array(comment.mentions.map(JSON.string))
        }
        if !keepText { fields["text"] = nil }
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

/// Decides whether a page may use a string as a link or an image's address.
enum SafeURL {
    private static let keys: Set<String> = [
        "url", "uri", "link", "href", "src", "avatar", "image", "picture", "photo", "icon", "thumbnail", "website",
        "homepage", "permalink",
    ]

    /// Whether members of that key hold addresses: `url`, `avatar` and their like, and what ends so (`avatar_url`).
    static func isKey(_ key: String) -> Bool {
        if keys.contains(key) { return true }
        let lower = key.lowercased()
        return keys.contains(lower) || lower.hasSuffix("url") || lower.hasSuffix("uri") || lower.hasSuffix("link")
            || lower.hasSuffix("avatar") || lower.hasSuffix("image")
    }

    /// `http`, `https`, `mailto`, or a relative address. A scheme is looked for as a browser does (WHATWG URL: white
    /// space and controls before it and tabs and line ends inside do not count); what holds characters in its place that
    /// pages or browsers read in their own way (`&colon;`, `\`) is not safe.
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
