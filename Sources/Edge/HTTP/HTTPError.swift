/// Why a request is not served: a status, and a sentence that says what to do.
package struct HTTPError: Error, Equatable {
    let status: HTTPStatus
    let message: String
    /// The `Allow` field of a 405.
    var allow: Request.Methods?
    /// The `Retry-After` field of a 429 or 503, in seconds.
    var retryAfter: Int?
    /// The `WWW-Authenticate` field of a 401 or 403.
    var challenge: String?
    /// The limit that was reached.
    var limit: EdgeLimit?

    init(
        _ status: HTTPStatus, _ message: String, allow: Request.Methods? = nil, retryAfter: Int? = nil,
        limit: EdgeLimit? = nil
    ) {
        self.status = status
        self.message = message
        self.allow = allow
        self.retryAfter = retryAfter
        self.limit = limit
    }
}

/// The status codes that the edge answers with.
enum HTTPStatus: Int, CaseIterable {
    case ok = 200
    case accepted = 202
    case noContent = 204
    case notModified = 304
    case badRequest = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case conflict = 409
    case gone = 410
    case contentTooLarge = 413
    case misdirectedRequest = 421
    case uriTooLong = 414
    case expectationFailed = 417
    case tooManyRequests = 429
    case headerFieldsTooLarge = 431
    case notImplemented = 501
    case serviceUnavailable = 503
    case versionNotSupported = 505

    /// The status line, ready to be sent.
    var line: StaticString {
        switch self {
        case .ok: "HTTP/1.1 200 OK\r\n"
        case .accepted: "HTTP/1.1 202 Accepted\r\n"
        case .noContent: "HTTP/1.1 204 No Content\r\n"
        case .notModified: "HTTP/1.1 304 Not Modified\r\n"
        case .badRequest: "HTTP/1.1 400 Bad Request\r\n"
        case .unauthorized: "HTTP/1.1 401 Unauthorized\r\n"
        case .forbidden: "HTTP/1.1 403 Forbidden\r\n"
        case .notFound: "HTTP/1.1 404 Not Found\r\n"
        case .methodNotAllowed: "HTTP/1.1 405 Method Not Allowed\r\n"
        case .misdirectedRequest: "HTTP/1.1 421 Misdirected Request\r\n"
        case .requestTimeout: "HTTP/1.1 408 Request Timeout\r\n"
        case .conflict: "HTTP/1.1 409 Conflict\r\n"
        case .gone: "HTTP/1.1 410 Gone\r\n"
        case .contentTooLarge: "HTTP/1.1 413 Content Too Large\r\n"
        case .uriTooLong: "HTTP/1.1 414 URI Too Long\r\n"
        case .expectationFailed: "HTTP/1.1 417 Expectation Failed\r\n"
        case .tooManyRequests: "HTTP/1.1 429 Too Many Requests\r\n"
        case .headerFieldsTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
        case .notImplemented: "HTTP/1.1 501 Not Implemented\r\n"
        case .serviceUnavailable: "HTTP/1.1 503 Service Unavailable\r\n"
        case .versionNotSupported: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
        }
    }

    /// Whether a response with this status never has content (RFC 9110, 15.3.5 and 15.4.5).
    var isBodiless: Bool {
        self == .noContent || self == .notModified
    }
}
