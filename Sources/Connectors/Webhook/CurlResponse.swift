/// What came of a request.
struct CurlResponse: Equatable {
    enum End: Equatable {
        /// A whole answer came.
        case answered
        /// No whole answer came within the request's time.
        case timedOut
        /// The answer was larger than 64 KiB and was cut off.
        case tooLarge
        /// No answer that makes sense; curl's words for it.
        case failed(String)
    }

    let end: End
    /// The status code; 0 when none came.
    let status: Int
    /// Retry-After in seconds, whether given so or as a date; nil when none was given.
    let retryAfter: Int64?
    /// The first bytes of the answer's body, at most 512.
    let body: [UInt8]
}
