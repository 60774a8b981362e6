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
