import Events

/// The latest status of the pipeline, shared by all viewers of the dashboard.
final class StatusCache {
    private let source: any StatusSource
    private let services: EdgeServices
    private var schedule = ReadingSchedule()
    private var latest = StatusDocument(body: [])
    private var waiting: [StatusRead] = []

    init(source: any StatusSource, services: EdgeServices) {
        self.source = source
        self.services = services
    }

    /// Answers with the newest status, at once or when it arrives.
    func show(to read: StatusRead) {
        switch schedule.wanted(at: Clock.monotonicMilliseconds()) {
        case .useLatest: read.answer(with: latest)
        case .wait: waiting.append(read)
        case .read:
            waiting.append(read)
            services.metrics.statusReads += 1
            source.read { [weak self] in self?.finished($0, hasAnswer: $1) }
        }
    }

    /// The viewer has disconnected.
    func forget(_ read: StatusRead) {
        waiting.removeAll { $0 === read }
    }

    private func finished(_ body: [UInt8], hasAnswer: Bool) {
        schedule.finished(at: Clock.monotonicMilliseconds(), hasAnswer: hasAnswer)
        latest = StatusDocument(body: body)
        let readers = waiting
        waiting = []
        for read in readers { read.answer(with: latest) }
    }
}

/// Decides when the status is read again. Pure.
///
/// All viewers share a reading. A new one is made on request when the last one is too old. The allowed age grows with
/// the duration of a reading, so that the dashboard uses at most a fiftieth of Redis' time.
struct ReadingSchedule {
    /// What to do for a viewer's request.
    enum Action: Equatable {
        /// The last reading is recent enough.
        case useLatest
        /// Start a reading and wait for it.
        case read
        /// A reading is in progress: wait for it.
        case wait
    }

    /// The minimum time between two readings, in ms.
    static let interval: Int64 = 2000
    /// A reading stays valid for this many times its duration.
    static let validityFactor: Int64 = 50
    /// The longest time that a reading stays valid, in ms.
    static let longest: Int64 = 10_000

    private var began: Int64?
    private var arrived: Int64?
    private var cost: Int64 = 0

    /// How long a reading stays valid, in ms.
    var lifetime: Int64 { min(max(Self.interval, cost * Self.validityFactor), Self.longest) }

    /// A viewer asks for the status.
    ///
    /// - Parameter now: monotonic, in ms.
    mutating func wanted(at now: Int64) -> Action {
        if began != nil { return .wait }
        if let arrived, now - arrived < lifetime { return .useLatest }
        began = now
        return .read
    }

    /// The reading has finished.
    ///
    /// - Parameter hasAnswer: false when Redis did not answer: then the wait was no load on Redis.
    mutating func finished(at now: Int64, hasAnswer: Bool) {
        cost = hasAnswer ? now - (began ?? now) : 0
        began = nil
        arrived = now
    }
}

/// `GET /dashboard.json`: waits for a reading of the pipeline's status and answers with it.
final class StatusRead: PendingResponse {
    private var connection: Connection?
    private let services: EdgeServices
    private let cache: StatusCache
    private let takesGzip: Bool

    /// How long to wait for Redis, in ms. Longer than a Redis connection's own timeout, so that the answer can report
    /// its failure.
    private static let timeout: Int64 = 15_000

    init(on connection: Connection, services: EdgeServices, cache: StatusCache, takesGzip: Bool) {
        self.connection = connection
        self.services = services
        self.cache = cache
        self.takesGzip = takesGzip
    }

    var isHold: Bool { false }

    /// Starts to answer.
    func start() {
        guard let connection else { return }
        connection.begin(self)
        connection.hold(until: Clock.monotonicMilliseconds() + Self.timeout)
        cache.show(to: self)
    }

    func answer(with document: StatusDocument) {
        guard let connection = take() else { return }
        let gzip = takesGzip ? document.gzip(by: services.zlib) : nil
        connection.respond(.ok, type: "application/json", body: gzip ?? document.body) { head in
            head.encoding(isGzip: gzip != nil)
        }
    }

    func clientLeft() {
        cache.forget(self)
        connection = nil
    }

    func deadlinePassed() {
        cache.forget(self)
        take()?.refuse(HTTPError(.serviceUnavailable, "Redis has not answered in time", retryAfter: 2))
    }

    /// Returns the connection and drops it: the request is answered only once.
    private func take() -> Connection? {
        defer { connection = nil }
        return connection
    }
}

/// One reading of the status, compressed at most once.
final class StatusDocument {
    let body: [UInt8]
    private var compressed: GzipBody??

    init(body: [UInt8]) {
        self.body = body
    }

    /// The body in gzip form; nil when that is not smaller.
    func gzip(by zlib: ZlibHandle) -> [UInt8]? {
        if body.count < GzipBody.worthwhile { return nil }
        let result = compressed ?? GzipBody(body, by: zlib)
        compressed = result
        return result?.bytes
    }
}

/// Reads the status of the pipeline for the dashboard.
public protocol StatusSource: AnyObject {
    /// Makes the body of `/dashboard.json`: one JSON object, even when nothing could be read.
    ///
    /// Called on the loop's thread, and not again before the completion was called. Calls the completion exactly once,
    /// on the loop's thread, before or after it returns. `hasAnswer` tells whether Redis has answered at all.
    func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void)
}
