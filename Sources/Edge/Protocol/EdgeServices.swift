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

/// How an edge that has nearly all the connections it can have asks for patience. Pure.
enum Pressure {
    /// The longest pause, in milliseconds.
    static let longest: Int64 = 5000
    /// The pause that is asked for while the process ends: its siblings must take over all that it held.
    static let ending: Int64 = 1000

    /// The pause in milliseconds before a reader's next poll: none below nine tenths of the limit, from there rising to
    /// the longest.
    static func pause(connections: Int, limit: Int, isEnding: Bool) -> Int64 {
        let room = max(1, limit / 10)
        let excess = min(connections - (limit - room), room)
        let pause = excess > 0 ? longest * Int64(excess) / Int64(room) : 0
        return isEnding ? max(ending, pause) : pause
    }
}

/// The `Stream-Cursor` of live answers (Durable Streams, 8.1): lets caches tell an old answer from a new one.
enum StreamCursor {
    /// Seconds from 1970 to 9 October 2024, where the protocol begins to count, and the length of an interval.
    private static let epoch: Int64 = 1_728_432_000
    private static let interval: Int64 = 20

    /// The cursor for an answer: the number of the current interval, and always more than the client's.
    ///
    /// - Parameter now: seconds since 1970.
    static func next(
        after client: Int64?, now: Int64, using generator: inout some RandomNumberGenerator
    ) -> Int64 {
        let current = max(0, (now - epoch) / interval)
        guard let client, client >= current else { return current }
        return client + Int64.random(in: 1...(3600 / interval), using: &generator)
    }
}
