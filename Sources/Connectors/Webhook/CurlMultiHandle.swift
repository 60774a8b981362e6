import CCurl
import Events

/// The only owner of a `ccurl_multi`: a set of requests that share connections, driven by the loop.
///
/// curl says which descriptors to watch and when its timeout is due; this class watches them and tells curl. All calls
/// are made on the loop's thread. curl calls back only inside calls of its own functions. Completions run after those
/// have returned, so they may start and cancel requests, and release this object.
final class CurlMultiHandle {
    private let loop: EventLoop
    /// Created in `init`, freed in `deinit` after its requests.
    private var multi: OpaquePointer?
    private var requests: [UInt64: (handle: CurlRequestHandle, completion: (CurlResponse) -> Void)] = [:]
    private var lastTag: UInt64 = 0
    private var fileEvents: [Int32: FileEvent] = [:]
    private var timer: Timer?

    /// - Parameter connections: the most connections that are kept open for later requests.
    /// - Throws: ``ConnectorsError/Code/library`` when libcurl is missing, with what to install.
    init(on loop: EventLoop, connections: Int) throws(ConnectorsError) {
        self.loop = loop
        var reason = [CChar](repeating: 0, count: 256)
        guard ccurl_load(&reason, reason.count) != 0 else {
            let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw ConnectorsError(.library, String(decoding: text, as: UTF8.self))
        }
        multi = ccurl_multi_create(
            connections, Unmanaged.passUnretained(self).toOpaque(),
            { CurlMultiHandle.from($0)?.watch($1, FileEvent.Readiness(curl: $2)) },
            { CurlMultiHandle.from($0)?.schedule($1) })
        guard multi != nil else { throw ConnectorsError(.library, "libcurl cannot start: out of memory") }
        timer = Timer(on: loop) { [unowned self] in self.timerFired() }
    }

    deinit {
        // `watch` ignores what curl asks for while it is being destroyed.
        timer = nil
        requests.removeAll()
        ccurl_multi_destroy(multi)
    }

    /// Starts a request. Calls `completion` once, after this returns, on the loop's thread, unless the request is
    /// cancelled.
    ///
    /// - Returns: the number of the request, for ``cancel(_:)``.
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    func start(
        _ request: CurlRequest, completion: @escaping (CurlResponse) -> Void
    ) throws(ConnectorsError) -> UInt64 {
        guard let multi else { throw ConnectorsError(.library, "libcurl has ended") }
        lastTag += 1
        let handle = try CurlRequestHandle(request, tag: lastTag)
        requests[lastTag] = (handle, completion)
        do throws(ConnectorsError) {
            try handle.start(in: multi)
        } catch {
            requests[lastTag] = nil
            throw error
        }
        return lastTag
    }

    /// Cancels a request: its completion is not called. Does nothing when the request has ended.
    func cancel(_ tag: UInt64) {
        requests[tag] = nil
    }

    private func ready(_ descriptor: Int32, _ readiness: FileEvent.Readiness) {
        ccurl_multi_ready(multi, descriptor, readiness.curl)
        complete()
    }

    private func timerFired() {
        ccurl_multi_timeout(multi)
        complete()
    }

    private func complete() {
        while let ended = ccurl_multi_next_finished(multi) {
            guard let (handle, completion) = requests.removeValue(forKey: ccurl_request_tag(ended)) else { continue }
            completion(handle.response)
        }
    }

    // MARK: Called by curl

    private func watch(_ descriptor: Int32, _ readiness: FileEvent.Readiness) {
        guard !readiness.isEmpty else {
            fileEvents[descriptor] = nil
            return
        }
        // There is no timer while this object is being released.
        guard timer != nil else { return }
        let fileEvent =
            fileEvents[descriptor]
            ?? FileEvent(on: loop, descriptor: descriptor) { [unowned self] in self.ready(descriptor, $0) }
        fileEvents[descriptor] = fileEvent
        fileEvent.watch(readiness)
    }

    private func schedule(_ milliseconds: Int) {
        if milliseconds < 0 { timer?.cancel() } else { timer?.schedule(after: Int64(milliseconds)) }
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlMultiHandle? {
        pointer.map { Unmanaged<CurlMultiHandle>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension FileEvent.Readiness {
    fileprivate init(curl: Int32) {
        self = []
        if curl & Int32(CCURL_READ) != 0 { insert(.read) }
        if curl & Int32(CCURL_WRITE) != 0 { insert(.write) }
    }

    fileprivate var curl: Int32 {
        Int32((contains(.read) ? CCURL_READ : CCURL_NONE) | (contains(.write) ? CCURL_WRITE : CCURL_NONE))
    }
}

/// The only owner of a `ccurl_request`: creates it in `init`, and frees it in `deinit`, which also cancels it.
///
/// Used only by ``CurlMultiHandle``, since a request must be freed before the set in which it runs.
final class CurlRequestHandle {
    private let request: OpaquePointer

    /// - Parameter tag: identifies the request when it has ended.
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    init(_ form: CurlRequest, tag: UInt64) throws(ConnectorsError) {
        let made =
            if let body = form.body {
                body.withUnsafeBytes { body in
                    // To curl a null pointer means that no body is set, so an empty body needs an address as well.
                    withUnsafePointer(to: UInt8(0)) { nothing in
                        ccurl_request_create(
                            form.url, form.caFile, Int(form.timeout), body.baseAddress ?? UnsafeRawPointer(nothing),
                            body.count, tag)
                    }
                }
            } else {
                ccurl_request_create_get(form.url, form.caFile, Int(form.timeout), tag)
            }
        guard let made else { throw ConnectorsError(.library, "libcurl cannot create a request: out of memory") }
        request = made
        // From here on `deinit` frees it, even when `init` throws.
        for line in form.headers where ccurl_request_add_header(made, line) == 0 {
            throw ConnectorsError(.library, "libcurl cannot create a request: out of memory")
        }
    }

    deinit {
        ccurl_request_destroy(request)
    }

    /// Starts the request in a set.
    ///
    /// - Throws: ``ConnectorsError/Code/library`` when memory is out.
    func start(in multi: OpaquePointer) throws(ConnectorsError) {
        guard ccurl_request_start(request, multi) != 0 else {
            throw ConnectorsError(.library, "libcurl cannot start a request: out of memory")
        }
    }

    /// The result. Valid once the request has ended.
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

/// A request for libcurl.
struct CurlRequest {
    let url: String
    /// A file of certificates to trust in place of the system's.
    let caFile: String?
    /// The time from the start to the last byte of the response, in milliseconds.
    let timeout: Int64
    /// Header fields, as `Name: value`. A name without a value removes a field that curl would add.
    let headers: [String]
    /// The body of a POST; nil: a GET.
    let body: [UInt8]?
}

/// The result of a request.
struct CurlResponse: Equatable {
    enum End: Equatable {
        /// The response is complete.
        case answered
        /// The response was not complete within the timeout.
        case timedOut
        /// The response exceeded 64 KiB, of a GET the body alone, and was cut off.
        case tooLarge
        /// There is no valid response; with curl's error message.
        case failed(String)
    }

    let end: End
    /// The status code; 0 when none was received.
    let status: Int
    /// `Retry-After` in seconds, whether sent as seconds or as a date; nil when it was not sent.
    let retryAfter: Int64?
    /// The response's body: of a GET the whole, at most 64 KiB; of a POST the first bytes, at most 512.
    let body: [UInt8]
}
