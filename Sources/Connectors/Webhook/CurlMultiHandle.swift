import CCurl
import Events

/// The one owner of a `ccurl_multi`: requests that share connections, driven by the loop.
///
/// curl says which descriptors to watch and when to look at the clock; this class does it and tells curl. All calls come
/// on the loop's thread. curl may call back only from within a call of one of its functions, and nobody's code runs in
/// there: completions run after it has returned, so they may start and cancel requests, and release this object.
final class CurlMultiHandle {
    private let loop: EventLoop
    /// Made in `init`, freed in `deinit` after the requests that run in it.
    private var multi: OpaquePointer?
    private var requests: [UInt64: (handle: CurlRequestHandle, completion: (CurlResponse) -> Void)] = [:]
    private var lastTag: UInt64 = 0
    private var fileEvents: [Int32: FileEvent] = [:]
    private var timer: Timer?

    /// - Parameter connections: how many are kept open for later requests, at most.
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
        guard multi != nil else { throw ConnectorsError(.library, "libcurl cannot begin: out of memory") }
        timer = Timer(on: loop) { [unowned self] in self.timeIsUp() }
    }

    deinit {
        // What curl asks for while it ends is of no use any more.
        timer = nil
        requests.removeAll()
        ccurl_multi_destroy(multi)
    }

    /// Starts a request. `completion` is called once, later, on the loop's thread, unless it is cancelled before.
    ///
    /// - Returns: what ``cancel(_:)`` takes.
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

    /// Ends a request: its completion is not called. Harmless when it has ended.
    func cancel(_ tag: UInt64) {
        requests[tag] = nil
    }

    private func ready(_ descriptor: Int32, _ readiness: FileEvent.Readiness) {
        ccurl_multi_ready(multi, descriptor, readiness.curl)
        complete()
    }

    private func timeIsUp() {
        ccurl_multi_timeout(multi)
        complete()
    }

    private func complete() {
        while let ended = ccurl_multi_next_finished(multi) {
            guard let (handle, completion) = requests.removeValue(forKey: ccurl_request_tag(ended)) else { continue }
            completion(handle.response)
        }
    }

    // MARK: What curl asks for

    private func watch(_ descriptor: Int32, _ readiness: FileEvent.Readiness) {
        guard !readiness.isEmpty else {
            fileEvents[descriptor] = nil
            return
        }
        // Without the timer this object is about to end.
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

/// A POST that libcurl is to send.
struct CurlRequest {
    let url: String
    /// Certificates to trust in place of the system's.
    let caFile: String?
    /// From the start to the last byte of the answer, in milliseconds.
    let timeout: Int64
    /// Fields of the head, as `Name: value`. A name without a value removes a field that curl would add.
    let headers: [String]
    let body: [UInt8]
}

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
