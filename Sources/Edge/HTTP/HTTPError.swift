/// Why a request is not served: the status, and a sentence that says what to do.
struct HTTPError: Error, Equatable {
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
