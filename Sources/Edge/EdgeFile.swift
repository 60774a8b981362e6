/// A file that the edge serves from memory, as `/tidings.js`.
public struct EdgeFile: Sendable {
    /// The file's bytes.
    public let body: [UInt8]
    /// The `Content-Type` field.
    public let contentType: String
    /// The `Content-Security-Policy` field, for pages.
    public let contentSecurityPolicy: String?
    /// Names the bytes: the same in every process that has the same file. Without quotes.
    let tag: String
    /// The file in gzip form, unless that is no smaller.
    let gzip: [UInt8]?

    public init(body: [UInt8], contentType: String, contentSecurityPolicy: String? = nil) {
        self.body = body
        self.contentType = contentType
        self.contentSecurityPolicy = contentSecurityPolicy
        tag = String(Self.hash(body), radix: 36) + "-" + String(body.count, radix: 36)
        gzip = body.count < GzipBody.worthwhile ? nil : GzipBody(body, by: ZlibHandle())?.bytes
    }

    init(_ page: EdgePage) {
        self.init(body: page.body, contentType: page.contentType, contentSecurityPolicy: page.contentSecurityPolicy)
    }

    /// FNV-1a in 64 bits (public domain).
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
