import Comments
import Console
import Diagnostics
import Edge
import Events
import Glibc
import Logging
import Pipeline
import Redis
import Store
import Supervision

/// An edge as a process of its own: the server on a loop, its connections to Redis, its heartbeat, and the signals of
/// its supervisor.
///
/// It stands in the module of the commands, since no module below sees both Edge and Pipeline.
final class EdgeProcess {
    /// What an edge needs to know.
    struct Options {
        /// Its name in the pipeline.
        var id: String
        var layout: PipelineLayout
        var redis: RedisAddress
        /// The limits of the pipeline.
        var limits: PipelineLimits
        /// What a posted comment must pass.
        var intake: CommentIntake.Options
        var edge: EdgeOptions
        /// The limits of an edge as flags, environment and file say them now.
        var reloadLimits: () throws -> EdgeLimits
    }

    private let options: Options
    private let logger: Logger
    private let loop: EventLoop
    private let connection: RedisConnection
    private let subscriber: RedisSubscriber
    private let session: PipelineSession
    private let server: EdgeServer
    private let heartbeat: Heartbeat
    private let eviction: EvictionWatch
    private let keySet: KeySetWatch?
    private var hasStarted = false
    private var isDraining = false
    private var failure: CommandError?
    private lazy var startDeadline = Timer(on: loop) { [unowned self] in self.startServer() }

    /// Time that an edge waits for Redis before it takes connections without it, in milliseconds.
    private static let redisTimeout: Int64 = 2000
    /// Time between two looks whether Redis may delete keys, in milliseconds.
    private static let evictionInterval: Int64 = 2000

    init(_ options: Options, logger: Logger) throws {
        self.options = options
        self.logger = logger
        let loop = try EventLoop()
        self.loop = loop
        let connection = RedisConnection(
            on: loop, to: options.redis, name: "tidings-edge-\(options.id)", logger: logger)
        self.connection = connection
        subscriber = RedisSubscriber(
            on: loop, to: options.redis, name: "tidings-edge-\(options.id)-events", publisher: connection,
            logger: logger)
        let session = PipelineSession(on: loop, connection: connection, layout: options.layout, logger: logger)
        self.session = session
        let sink = PipelineSink(
            layout: options.layout,
            enqueuer: Enqueuer(layout: options.layout, limits: options.limits, connection: connection),
            options: options.intake,
            trouble: {
                if session.isReady || !connection.isReady { return nil }
                return session.trouble ?? "the pipeline in Redis is being looked at; try again"
            })
        var edge = options.edge
        EdgeProcess.fit(&edge.limits, inherited: edge.inheritedSockets.count, logger)
        server = EdgeServer(
            on: loop, options: edge, redis: connection, subscriber: subscriber,
            isServing: { session.isReady }, pipelineTrouble: { session.trouble }, sink: sink,
            status: DashboardSource(connection: connection, pipeline: options.layout.name, limits: options.limits),
            logger: logger)
        let eviction = EvictionWatch(
            on: loop, connection: connection, interval: EdgeProcess.evictionInterval, logger: logger)
        self.eviction = eviction
        let server = server
        let keySet = edge.access.keySet.map { source in
            KeySetWatch(on: loop, source, logger: logger) { server.adopt(keySet: $0) }
        }
        self.keySet = keySet
        heartbeat = Heartbeat(
            on: loop, id: options.id, role: "edge", stages: [], layout: options.layout, connection: connection)
        heartbeat.details = { [unowned self] in
            [
                ("connections", String(self.server.connections)), ("readers", String(self.server.readers)),
                ("listen", self.options.edge.address.description), ("limits", self.server.limitsReached),
            ]
        }
        server.caution = { eviction.trouble }
        if let keySet { server.onUnknownKey = { keySet.unknownKey() } }
        heartbeat.onFunctionMissing = { session.reload() }
        heartbeat.knownEpoch = { session.highestEpoch }
        heartbeat.onEpoch = { session.noticed(epoch: $0) }
        server.onEpoch = { session.noticed(epoch: $0) }
        session.listen(on: subscriber)
        session.onRefused = { logger.critical("\($0.message)") }
        session.onReady = { [unowned self] in
            if !self.isDraining {
                self.heartbeat.start()
                self.eviction.start()
            }
            self.startServer()
            self.server.renew()
        }
    }

    /// Runs until a signal ends it, or the server cannot listen.
    func run() throws {
        let exit = ExitSignals(on: loop, graceful: { [unowned self] in self.drain(isReplaced: false) })
        let signals = [
            // The supervisor has started a successor, or is about to, which reads the configuration anew.
            SignalEvent(on: loop, signal: SIGHUP) { [unowned self] in self.drain(isReplaced: true) },
            SignalEvent(on: loop, signal: ProcessPool.reloadLimitsSignal) { [unowned self] in self.reloadLimits() },
            SignalEvent(on: loop, signal: SIGTSTP) { [unowned self] in
                self.logger.notice("taking no more connections, on SIGTSTP")
                self.server.stopAccepting()
            },
        ]
        // Requests that came before Redis is reached would be refused: clients wait a moment instead.
        startDeadline.schedule(after: EdgeProcess.redisTimeout)
        connection.start()
        subscriber.start()
        keySet?.start()
        loop.run()
        server.stop()
        withExtendedLifetime((exit, signals)) {}
        if let failure { throw failure }
    }

    private func startServer() {
        guard !hasStarted else { return }
        hasStarted = true
        do {
            try server.start()
        } catch {
            failure = CommandError("\(error)")
            loop.stop()
        }
    }

    private func drain(isReplaced: Bool) {
        isDraining = true
        heartbeat.stop()
        eviction.stop()
        server.drain(isReplaced: isReplaced) { [unowned self] in
            let layout = self.options.layout
            self.connection.call(.leave(pipeline: layout.name, process: self.options.id, .left)) { [unowned self] _ in
                self.loop.stop()
            }
        }
    }

    private func reloadLimits() {
        do {
            var limits = try options.reloadLimits()
            EdgeProcess.fit(&limits, inherited: options.edge.inheritedSockets.count, logger)
            server.adopt(limits: limits)
            logger.notice("took the limits that the configuration has now")
        } catch {
            logger.error("the limits stay as they are", metadata: ["error": "\(error)"])
        }
    }

    /// Lowers the limit of connections to the number of files that may be open.
    private static func fit(_ limits: inout EdgeLimits, inherited: Int, _ logger: Logger) {
        let files = raiseFileLimit()
        // The default is more than most systems allow: lowering it is nothing to warn of.
        let level: Logger.Level = limits.maxConnections == EdgeLimits().maxConnections ? .notice : .warning
        if limits.fit(files: files, inherited: inherited) {
            logger.log(
                level: level,
                "fewer files may be open than connections are allowed: taking fewer; raise the limit of open files",
                metadata: ["files": "\(files)", "connections": "\(limits.maxConnections)"])
        }
    }

    /// Raises the limit of open files, one for each connection, as far as the system allows, and returns it.
    private static func raiseFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Int.max }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = soft }
        return Int(clamping: limit.rlim_cur)
    }
}
