/// How a token is signed (RFC 7518, 3.1). The key says which one it is for; a token that names another is refused.
public enum TokenAlgorithm: String, Sendable {
    /// HMAC with SHA-256: who can check a token can make one.
    case hs256 = "HS256"
    /// ECDSA on the curve P-256 with SHA-256: the edge has only the public half.
    case es256 = "ES256"
}
