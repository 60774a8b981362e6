import Events

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
