public import Events
import Glibc
public import Logging
public import Redis

/// The edge of a process: serves HTTP on one address and reads channels from Redis.
///
/// Everything runs on the loop's thread. The Redis connections belong to the caller, who starts and stops them.
public final class EdgeServer {
    /// Called with the epoch of each history that is read. When it is another one than the process knows, the data may
    /// have gone back in time.
    public var onEpoch: (Int64) -> Void = { _ in }

    private let loop: EventLoop
    private let options: EdgeOptions
    private let logger: Logger
    private let metrics = EdgeMetrics()
    private let source: any ChannelSource
    private let hub: Hub
    private let router: RequestRouter
    private let pool: ConnectionPool
    private let listener: Listener
    private let adminListener: Listener?
    private var drained: (() -> Void)?
    private var drainLimit: Timer?

    /// - Parameters:
    ///   - redis: reads histories.
    ///   - subscriber: receives announcements.
    ///   - isServing: whether functions and epoch were updated since the connection was made; until then no channel is
    ///     read. Call ``renew()`` each time this becomes true.
    ///   - pipelineTrouble: why it is not serving; nil when that is not known.
    ///   - sink: takes posted comments.
    ///   - status: reads the status for the dashboard.
    public convenience init(
        on loop: EventLoop, options: EdgeOptions, redis: RedisConnection, subscriber: RedisSubscriber,
        isServing: @escaping () -> Bool, pipelineTrouble: @escaping () -> String? = { nil }, sink: any CommentSink,
        status: (any StatusSource)? = nil, logger: Logger
    ) {
        let source = FeedSource(
            redis: redis, subscriber: subscriber, epochKey: options.epochKey, isServing: isServing, logger: logger)
        source.pipelineTrouble = pipelineTrouble
        self.init(on: loop, options: options, source: source, sink: sink, status: status, logger: logger)
        source.onEpoch = { [unowned self] in self.onEpoch($0) }
    }

    init(
        on loop: EventLoop, options: EdgeOptions, source: any ChannelSource, sink: any CommentSink,
        status: (any StatusSource)? = nil, logger: Logger
    ) {
        self.loop = loop
        self.options = options
        self.logger = logger
        self.source = source
        hub = Hub(on: loop, source: source, limits: options.limits, metrics: metrics)
        let services = EdgeServices(
            hub: hub, metrics: metrics, options: options,
            seed: UInt64(truncatingIfNeeded: Clock.monotonicNanoseconds()) ^ UInt64(getpid()) << 40)
        services.posts.onUnknownProxy = {
            logger.warning(
                """
                a proxy on this machine forwards posts, but edge.proxies does not name it: its clients cannot be told \
                apart, and no limit by address applies to their posts; name it, as in edge: { proxies: [127.0.0.1] }
                """)
        }
        router = RequestRouter(services: services, sink: sink, status: status)
        pool = ConnectionPool(
            on: loop, limits: options.limits, metrics: metrics,
            head: ResponseHead(origins: options.access.origins), proxies: options.proxies,
            handler: router)
        listener = Listener(
            on: loop, address: options.address, inherited: options.inheritedSockets, pool: pool, logger: logger)
        let pool = pool
        adminListener = options.admin.map {
            Listener(
                on: loop, address: $0, entrance: .admin, inherited: options.adminSockets, pool: pool, logger: logger)
        }
    }

    deinit {
        pool.closeAll()
    }

    /// The TCP port in use, which the system chose if 0 was given. 0 before ``start()`` and for a unix socket.
    public var port: UInt16 { UInt16(listener.port) }

    /// As ``port``, of the address for administration.
    public var adminPort: UInt16 { UInt16(adminListener?.port ?? 0) }

    /// Why this process must not be ready although it can serve, for `/ready`; nil when it may.
    public var caution: () -> String? {
        get { router.caution }
        set { router.caution = newValue }
    }

    /// Open connections.
    public var connections: Int { metrics.connections }

    /// Held polls and streams.
    public var readers: Int { metrics.held }

    /// Which limits took effect since the start and how often: `max_connections=3 url_bytes=1`.
    public var limitsReached: String { metrics.limitsReached }

    /// Applies new limits to decisions from now on. No client is disconnected, and deadlines that are set stay.
    public func adopt(limits: EdgeLimits) {
        router.adopt(limits: limits)
        hub.adopt(limits: limits)
        pool.adopt(limits: limits)
        listener.adopt(limits: limits)
        adminListener?.adopt(limits: limits)
    }

    /// Called when a token names a key that is not known: the key set may have a new one.
    public var onUnknownKey: () -> Void {
        get { router.access.onUnknownKey }
        set { router.access.onUnknownKey = newValue }
    }

    /// Takes what became of reading the key set (``AccessOptions/keySet``). Without a call the keys stay as they are.
    public func adopt(keySet: KeySetReading) {
        router.access.adopt(keySet: keySet)
    }

    /// Starts to listen.
    ///
    /// - Throws: ``EventsError`` when an address cannot be listened on.
    public func start() throws(EventsError) {
        try adminListener?.start()
        try listener.start()
    }

    /// Reloads every channel. Call it when functions and epoch of Redis were updated.
    public func renew() {
        hub.renew()
    }

    /// Accepts no new connections; open ones are served as before.
    public func stopAccepting() {
        listener.stop(.closed)
        adminListener?.stop(.closed)
    }

    /// Shuts down gracefully: stops accepting, answers every held request within one hold as the last of its
    /// connection, and calls back when no connection is left. Connections still open five seconds later are closed.
    ///
    /// - Parameter isReplaced: another process takes over the inherited socket, so it stays open for new clients.
    public func drain(isReplaced: Bool = false, completion: @escaping () -> Void) {
        guard drained == nil else { return }
        drained = completion
        listener.stop(isReplaced && !options.inheritedSockets.isEmpty ? .handedOn : .closed)
        adminListener?.stop(isReplaced && !options.adminSockets.isEmpty ? .handedOn : .closed)
        router.isDraining = true
        let hold = Int64(options.drainSeconds ?? options.holdSeconds) * 1000
        pool.onClosed = { [unowned self] in self.checkDrained() }
        pool.drain(over: hold)
        drainLimit = Timer(on: loop) { [unowned self] in self.pool.closeAll() }
        drainLimit?.schedule(after: hold + 5000)
        checkDrained()
    }

    /// Closes every connection at once.
    public func stop() {
        listener.stop(.closed)
        adminListener?.stop(.closed)
        pool.closeAll()
    }

    private func checkDrained() {
        guard pool.count == 0, let completion = drained else { return }
        drained = {}
        pool.onClosed = {}
        drainLimit = nil
        completion()
    }
}
