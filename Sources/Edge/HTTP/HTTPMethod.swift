/// A request's method, as far as the edge tells them apart.
enum HTTPMethod: UInt8, Equatable {
    case get, head, post, options
    /// A method of RFC 9110 or RFC 5789 that no resource here has: 405.
    case unsupported
    /// Anything else: 501.
    case unknown

    /// Reads a method. Methods are case-sensitive (RFC 9110, 9.1).
    init(_ bytes: Span<UInt8>) {
        switch bytes.count {
        case 3 where bytes.equals("GET"): self = .get
        case 3 where bytes.equals("PUT"): self = .unsupported
        case 4 where bytes.equals("HEAD"): self = .head
        case 4 where bytes.equals("POST"): self = .post
        case 5 where bytes.equals("PATCH") || bytes.equals("TRACE"): self = .unsupported
        case 6 where bytes.equals("DELETE"): self = .unsupported
        case 7 where bytes.equals("OPTIONS"): self = .options
        case 7 where bytes.equals("CONNECT"): self = .unsupported
        default: self = .unknown
        }
    }
}
