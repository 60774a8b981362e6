/// Why a request is not served: the status, and a sentence that says what to do.
struct Refusal: Error, Equatable {
    let status: HTTPStatus
    let message: String
    /// The `Allow` field of a 405.
    var allow: Request.Methods?
    /// The `Retry-After` field of a 503, in seconds.
    var retryAfter: Int?

    init(_ status: HTTPStatus, _ message: String, allow: Request.Methods? = nil, retryAfter: Int? = nil) {
        self.status = status
        self.message = message
        self.allow = allow
        self.retryAfter = retryAfter
    }
}
