/// A file that the edge serves from memory, such as `/tidings.js`.
public struct EdgeFile: Sendable {
    /// The file's bytes.
    public let body: [UInt8]
    /// The `Content-Type` field.
    public let contentType: String
    /// The `Content-Security-Policy` field, for pages.
    public let contentSecurityPolicy: String?
    /// How long browsers may keep it.
    let caching: Caching
    /// Identifies the content, the same in every process. Without quotes.
    let tag: String
    /// The file in gzip form; nil when that is not smaller.
    let gzip: [UInt8]?

    public init(body: [UInt8], contentType: String, contentSecurityPolicy: String? = nil) {
        self.init(body: body, contentType: contentType, contentSecurityPolicy: contentSecurityPolicy, caching: .minutes)
    }

    init(body: [UInt8], contentType: String, contentSecurityPolicy: String? = nil, caching: Caching) {
        self.body = body
        self.contentType = contentType
        self.contentSecurityPolicy = contentSecurityPolicy
        self.caching = caching
        tag = String(Self.hash(body), radix: 36) + "-" + String(body.count, radix: 36)
        gzip = body.count < GzipBody.worthwhile ? nil : GzipBody(body, by: ZlibHandle())?.bytes
    }

    /// FNV-1a in 64 bits (public domain).
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// A page that the edge serves from memory, with the files that it loads.
///
/// Browsers revalidate all of them each time: after an upgrade no page runs with the script of another version.
public struct EdgePage: Sendable {
    /// The page itself.
    let file: EdgeFile
    /// The files that it loads, by name: `demo.js`. They stand beside it.
    let parts: [String: EdgeFile]

    /// Nothing from elsewhere and nothing inline: text that was not escaped cannot become active. No form goes
    /// anywhere, and no other page shows this one in a frame.
    public static let contentSecurityPolicy = """
        default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    public init(body: [UInt8], parts: [String: EdgeFile] = [:]) {
        file = EdgeFile(
            body: body, contentType: "text/html; charset=utf-8", contentSecurityPolicy: Self.contentSecurityPolicy,
            caching: .revalidated)
        self.parts = parts
    }

    /// A page's style sheet.
    public static func style(_ body: [UInt8]) -> EdgeFile {
        EdgeFile(body: body, contentType: "text/css; charset=utf-8", caching: .revalidated)
    }

    /// A page's script.
    public static func script(_ body: [UInt8]) -> EdgeFile {
        EdgeFile(body: body, contentType: "text/javascript; charset=utf-8", caching: .revalidated)
    }
}
