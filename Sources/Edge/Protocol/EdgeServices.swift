import Events

/// What the handlers of requests share.
final class EdgeServices {
    let hub: Hub
    let metrics: EdgeMetrics
    let options: EdgeOptions
    private(set) var limits: EdgeLimits
    let access: AccessControl
    let posts: PostAdmission
    let zlib = ZlibHandle()
    private var generator: JitterGenerator

    init(hub: Hub, metrics: EdgeMetrics, options: EdgeOptions, seed: UInt64) {
        self.hub = hub
        self.metrics = metrics
        self.options = options
        limits = options.limits
        access = AccessControl(options: options, edge: metrics)
        posts = PostAdmission(limits: options.limits, metrics: metrics, seed: seed)
        generator = JitterGenerator(seed: seed)
    }

    /// Applies new limits to decisions from now on.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
        access.adopt(limits: limits)
        posts.adopt(limits: limits)
    }

    /// The end of a hold that begins now: the client's timeout, or the default one, shortened by up to a fifth, so that
    /// clients that came together do not return together. It is never longer than the client asked for.
    ///
    /// - Parameter expires: when the reader's token expires; nil: never.
    func endOfHold(seconds: Int?, expires: Int64?) -> Int64 {
        let now = Clock.monotonicMilliseconds()
        // A deadline fires up to one tick late.
        let hold = shortened(seconds.map { Int64($0) * 1000 - 150 } ?? Int64(options.holdSeconds) * 1000)
        return min(now + hold, expires ?? .max)
    }

    /// The end of a stream that begins now.
    ///
    /// - Parameter expires: when the reader's token expires; nil: never.
    func endOfStream(expires: Int64?) -> Int64 {
        min(Clock.monotonicMilliseconds() + shortened(limits.streamTimeout), expires ?? .max)
    }

    /// Counts a stream that reached its time limit, and did not end because of its token or a shutdown.
    func streamEnded(on connection: Connection, expires: Int64?) {
        guard !connection.isEnding, expires ?? .max > Clock.monotonicMilliseconds() else { return }
        metrics.reached(.streamTimeout)
    }

    /// How long a client waits before it reconnects to a stream that broke off, in milliseconds. Call it once per
    /// client.
    func streamRetry() -> Int64 {
        metrics.reached(.streamRetry)
        return limits.streamRetry + Int64.random(in: 0...(limits.streamRetry / 2), using: &generator)
    }

    /// The pause that readers are currently asked for, in milliseconds.
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

    /// Why a reader's channel is not loaded.
    var unknownChannel: HTTPError {
        HTTPError(
            .serviceUnavailable, "\(hub.trouble ?? "the channel's history is not loaded yet"); ask again",
            retryAfter: 1)
    }

    static let lostPosition = HTTPError(
        .gone, "this position is lost: events after it are no longer kept; start again with offset=-1")
}

/// Asks clients to slow down when nearly all connections are in use. Pure.
enum Pressure {
    /// The longest pause, in milliseconds.
    static let longest: Int64 = 5000
    /// The pause during shutdown, in milliseconds: the sibling processes must take over all clients.
    static let ending: Int64 = 1000

    /// The pause before a reader's next poll, in milliseconds: 0 below nine tenths of the limit, then rising linearly
    /// to the longest.
    static func pause(connections: Int, limit: Int, isEnding: Bool) -> Int64 {
        let room = max(1, limit / 10)
        let excess = min(connections - (limit - room), room)
        let pause = excess > 0 ? longest * Int64(excess) / Int64(room) : 0
        return isEnding ? max(ending, pause) : pause
    }
}

/// The `Stream-Cursor` of live responses (Durable Streams, 8.1), by which caches tell an old response from a new one.
enum StreamCursor {
    /// The protocol counts from 9 October 2024 (in seconds since 1970), in intervals of this many seconds.
    private static let epoch: Int64 = 1_728_432_000
    private static let interval: Int64 = 20

    /// The cursor of a response: the number of the current interval, but always greater than the client's.
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
