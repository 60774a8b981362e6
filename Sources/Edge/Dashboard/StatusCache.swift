import Events

/// The pipeline's state as all who look at the dashboard share it.
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

    /// Gives the newest state to a reader, at once or when it has come.
    func show(to read: StatusRead) {
        switch schedule.wanted(at: Clock.monotonicMilliseconds()) {
        case .useLatest: read.answer(with: latest)
        case .wait: waiting.append(read)
        case .read:
            waiting.append(read)
            services.metrics.statusReads += 1
            source.read { [weak self] in self?.came($0, hasAnswer: $1) }
        }
    }

    /// A reader has gone.
    func forget(_ read: StatusRead) {
        waiting.removeAll { $0 === read }
    }

    private func came(_ body: [UInt8], hasAnswer: Bool) {
        schedule.came(at: Clock.monotonicMilliseconds(), hasAnswer: hasAnswer)
        latest = StatusDocument(body: body)
        let readers = waiting
        waiting = []
        for read in readers { read.answer(with: latest) }
    }
}

/// Decides when the pipeline's state is read anew. Pure.
///
/// All who look share a reading; it is made when somebody asks and the last one is old. The age allowed grows with what a
/// reading costs, so that looking never takes more than a fiftieth of Redis' time.
struct ReadingSchedule {
    /// What to do for somebody who asks.
    enum Action: Equatable {
        /// The last reading is new enough.
        case useLatest
        /// Begin a reading, and wait for it.
        case read
        /// One is under way: wait for it.
        case wait
    }

    /// The youngest age at which a reading is made anew, in ms.
    static let interval: Int64 = 2000
    /// A reading is good for so many times the time that it took.
    static let patience: Int64 = 50
    /// The oldest age at which one is still good, in ms.
    static let longest: Int64 = 10_000

    private var began: Int64?
    private var arrived: Int64?
    private var cost: Int64 = 0

    /// How long a reading is good, in ms.
    var lifetime: Int64 { min(max(Self.interval, cost * Self.patience), Self.longest) }

    /// Somebody asks.
    ///
    /// - Parameter now: monotonic, in ms.
    mutating func wanted(at now: Int64) -> Action {
        if began != nil { return .wait }
        if let arrived, now - arrived < lifetime { return .useLatest }
        began = now
        return .read
    }

    /// The reading has come.
    ///
    /// - Parameter hasAnswer: false when Redis has said nothing: waiting for it is no work of its.
    mutating func came(at now: Int64, hasAnswer: Bool) {
        cost = hasAnswer ? now - (began ?? now) : 0
        began = nil
        arrived = now
    }
}

/// `GET /dashboard.json`: waits for a reading of the pipeline's state and answers with it.
final class StatusRead: PendingResponse {
    private var connection: Connection?
    private let services: EdgeServices
    private let cache: StatusCache
    private let takesGzip: Bool

    /// How long Redis may take, in ms. Longer than a connection waits before it is given up: what is said then is better
    /// than nothing.
    private static let patience: Int64 = 15_000

    init(on connection: Connection, services: EdgeServices, cache: StatusCache, takesGzip: Bool) {
        self.connection = connection
        self.services = services
        self.cache = cache
        self.takesGzip = takesGzip
    }

    var isHold: Bool { false }

    /// Begins to answer.
    func start() {
        guard let connection else { return }
        connection.begin(self)
        connection.hold(until: Clock.monotonicMilliseconds() + Self.patience)
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

    /// The connection, once: what comes later finds nobody to answer.
    private func take() -> Connection? {
        defer { connection = nil }
        return connection
    }
}

/// One reading of the pipeline's state; compressed when somebody asks for it so, once for all.
final class StatusDocument {
    let body: [UInt8]
    private var compressed: GzipBody??

    init(body: [UInt8]) {
        self.body = body
    }

    /// In gzip form; nil when that is no smaller.
    func gzip(by zlib: ZlibHandle) -> [UInt8]? {
        if body.count < GzipBody.worthwhile { return nil }
        let result = compressed ?? GzipBody(body, by: zlib)
        compressed = result
        return result?.bytes
    }
}

/// Finds out how the pipeline is, for the dashboard.
public protocol StatusSource: AnyObject {
    /// Makes the document that `/dashboard.json` is answered with: one JSON object, also when nothing can be found out.
    ///
    /// Called on the loop's thread, again only after it has called back. Calls back exactly once, on the loop's thread, at
    /// once or later; `hasAnswer`: whether Redis has said anything.
    func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void)
}
