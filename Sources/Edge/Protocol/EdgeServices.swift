import Events

/// What the handlers of requests share.
final class EdgeServices {
    let hub: Hub
    let metrics: EdgeMetrics
    let options: EdgeOptions
    private(set) var limits: EdgeLimits
    let access: AccessControl
    let zlib = ZlibHandle()
    private var generator: JitterGenerator

    init(hub: Hub, metrics: EdgeMetrics, options: EdgeOptions, seed: UInt64) {
        self.hub = hub
        self.metrics = metrics
        self.options = options
        limits = options.limits
        access = AccessControl(options: options, edge: metrics)
        generator = JitterGenerator(seed: seed)
    }

    /// Takes other limits, for what is decided from now on.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
        access.adopt(limits: limits)
    }

    /// When a hold that begins now ends: within the last fifth of the time that the client named, or of the usual one, so
    /// that clients who came together do not come back together. No client has to wait longer than it said, or than it can
    /// know.
    ///
    /// - Parameter expires: when the reader's leave ends; nil: never.
    func endOfHold(seconds: Int?, expires: Int64?) -> Int64 {
        let now = Clock.monotonicMilliseconds()
        // Deadlines are up to a tick late.
        let hold = shortened(seconds.map { Int64($0) * 1000 - 150 } ?? Int64(options.holdSeconds) * 1000)
        return min(now + hold, expires ?? .max)
    }

    /// When a stream that begins now ends.
    ///
    /// - Parameter expires: when the reader's leave ends; nil: never.
    func endOfStream(expires: Int64?) -> Int64 {
        min(Clock.monotonicMilliseconds() + shortened(limits.streamTimeout), expires ?? .max)
    }

    /// A stream has come to its end: counts it, unless the reader's leave or the process ended sooner.
    func streamEnded(on connection: Connection, expires: Int64?) {
        guard !connection.isEnding, expires ?? .max > Clock.monotonicMilliseconds() else { return }
        metrics.reached(.streamTimeout)
    }

    /// How long a client whose stream broke off waits before it connects anew, in milliseconds. To be told to one client.
    func streamRetry() -> Int64 {
        metrics.reached(.streamRetry)
        return limits.streamRetry + Int64.random(in: 0...(limits.streamRetry / 2), using: &generator)
    }

    /// The pause that readers are asked for now, in milliseconds.
    func pause(on connection: Connection) -> Int64 {
        Pressure.pause(
            connections: metrics.connections, limit: limits.maxConnections, isEnding: connection.isEnding)
    }

    private func shortened(_ milliseconds: Int64) -> Int64 {
        milliseconds - Int64.random(in: 0...(milliseconds / 5), using: &generator)
    }

    func cursor(after client: Int64?) -> Int64 {
        StreamCursor.next(after: client, now: Clock.unixSeconds(), using: &generator)
    }

    /// Why a reader's channel is not known now.
    var unknownChannel: HTTPError {
        HTTPError(
            .serviceUnavailable, "\(hub.trouble ?? "the channel's history is not loaded yet"); ask again",
            retryAfter: 1)
    }

    static let lostPosition = HTTPError(
        .gone, "this position is lost: events after it are no longer kept; start again with offset=-1")
}
