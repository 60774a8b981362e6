import CCurl

/// The one owner of a `ccurl_request`: makes it in `init`, frees it in `deinit`, which also cancels it.
///
/// Never leaves ``CurlMultiHandle``, whose set must live when a request is freed that runs in it.
final class CurlRequestHandle {
    private let request: OpaquePointer

    /// - Parameter tag: told again when the request has ended.
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    init(_ form: CurlRequest, tag: UInt64) throws(ConnectorsError) {
        let made = form.body.withUnsafeBytes { body in
            // curl takes a null pointer for "no body set", also for an empty one.
            withUnsafePointer(to: UInt8(0)) { nothing in
                ccurl_request_create(
                    form.url, form.caFile, Int(form.timeout), body.baseAddress ?? UnsafeRawPointer(nothing), body.count,
                    tag)
            }
        }
        guard let made else { throw ConnectorsError(.library, "libcurl cannot make a request: out of memory") }
        request = made
        // From here on `deinit` frees it, also when `init` throws.
        for line in form.headers where ccurl_request_add_header(made, line) == 0 {
            throw ConnectorsError(.library, "libcurl cannot make a request: out of memory")
        }
    }

    deinit {
        ccurl_request_destroy(request)
    }

    /// Starts it in a set.
    ///
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    func start(in multi: OpaquePointer) throws(ConnectorsError) {
        guard ccurl_request_start(request, multi) != 0 else {
            throw ConnectorsError(.library, "libcurl cannot start a request: out of memory")
        }
    }

    /// What came of it. To be asked once it has ended.
    var response: CurlResponse {
        let result = ccurl_request_result(request)
        let end: CurlResponse.End =
            switch result.end {
            case CCURL_ANSWERED: .answered
            case CCURL_TIMED_OUT: .timedOut
            case CCURL_TOO_LARGE: .tooLarge
            default: .failed(result.error.map { String(cString: $0) } ?? "unknown error")
            }
        return CurlResponse(
            end: end, status: result.status, retryAfter: result.retry_after > 0 ? result.retry_after : nil,
            body: [UInt8](UnsafeRawBufferPointer(start: result.body, count: result.body_length)))
    }
}
