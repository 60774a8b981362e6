/// A page that the edge serves.
public struct EdgePage: Sendable {
    /// The page's bytes.
    public let body: [UInt8]
    /// The `Content-Type` field.
    public let contentType: String
    /// The `Content-Security-Policy` field.
    public let contentSecurityPolicy: String

    public init(body: [UInt8], contentType: String, contentSecurityPolicy: String) {
        self.body = body
        self.contentType = contentType
        self.contentSecurityPolicy = contentSecurityPolicy
    }
}
