package import Console
package import Events
import Glibc
package import Logging
import Pipeline
package import Redis
package import Store

/// What the configuration says about a pool of processes. Two of them, from before and after a SIGHUP, tell whether the
/// processes can go on, and how.
package struct PoolShape {
    /// What the configuration says about edges.
    package struct Edges {
        /// The limits of an edge, from flags, environment and file.
        package let limits: AnyHashable
        /// All settings but these limits.
        package let rest: AnyHashable

        package init(limits: AnyHashable, rest: AnyHashable) {
            self.limits = limits
            self.rest = rest
        }
    }

    /// Cannot change while processes run.
    package let layout: PipelineLayout
    /// Time that the processes have to end in order, in milliseconds.
    package let grace: Int64
    /// Nil: the pool has no edges.
    package let edges: Edges?

    package init(layout: PipelineLayout, grace: Int64, edges: Edges? = nil) {
        self.layout = layout
        self.grace = grace
        self.edges = edges
    }

    /// Whether edges can go on with other limits. False if nothing has changed at all: the operator wants new processes
    /// then.
    package func differsOnlyInLimits(from earlier: PoolShape) -> Bool {
        guard let edges, let before = earlier.edges else { return false }
        return edges.limits != before.limits && edges.rest == before.rest
    }
}

/// The process of `tidings work`, `tidings edge` and `tidings up`: checks that it may join the pipeline, supervises the
/// pool, and handles the signals of operators and service managers.
package final class SupervisorHost {
    /// Called once when the pool has been started, to call ``ready()`` as soon as it can do its work.
    package var onStarted: () -> Void = {}
    /// Called once when it begins to stop, at a signal or after a failure.
    package var onStopping: () -> Void = {}
    /// Called when a SIGHUP changes nothing, since the processes could not work with the configuration. Unless it is
    /// set, the log says so.
    package lazy var onReloadFailed: (any Error) -> Void = { [logger] error in
        logger.error("the configuration is wrong, nothing was changed", metadata: ["error": "\(error)"])
    }
    /// Why it ends, if not at a signal.
    package private(set) var failure: CommandError?

    private let loop: EventLoop
    private let connection: RedisConnection
    private let session: PipelineSession
    private let pool: ProcessPool
    private let server: Supervisor?
    private let logger: Logger
    private let summary: String
    private let manager = ServiceManager()
    private var shape: PoolShape
    private let reload: () throws -> PoolShape
    private var hasStarted = false
    private var isStopping = false
    private var isServerStopping = false

    /// - Parameters:
    ///   - name: that of its connection, as `CLIENT LIST` shows it, without the process id.
    ///   - children: the workers and edges.
    ///   - server: supervises the Redis that this process runs itself; it starts before the pool and ends after it.
    ///   - shape: what the configuration says now.
    ///   - reload: the same from the configuration as it is at a SIGHUP.
    ///   - summary: what `systemctl status` shows.
    package init(
        on loop: EventLoop, name: String, redis: RedisAddress, server: Supervisor? = nil, children: [ChildSpec],
        shape: PoolShape, rules: ProcessPool.Rules, summary: String, logger: Logger,
        reload: @escaping () throws -> PoolShape
    ) {
        self.loop = loop
        self.server = server
        self.shape = shape
        self.reload = reload
        self.summary = summary
        self.logger = logger
        connection = RedisConnection(on: loop, to: redis, name: "\(name)-\(getpid())", logger: logger)
        session = PipelineSession(on: loop, connection: connection, layout: shape.layout, logger: logger)
        pool = ProcessPool(
            on: loop, children: children, grace: shape.grace, rules: rules, connection: connection,
            pipeline: shape.layout.name, logger: logger)
        session.onReady = { [unowned self] in self.redisIsReady() }
        session.onRefused = { [unowned self] error in
            if !self.hasStarted { self.fail(CommandError(error.message)) }
        }
        pool.onGaveUp = { [unowned self] in self.fail(CommandError("\($0) dies again and again; see the log above")) }
        pool.onStopped = { [unowned self] in self.stopServer() }
        server?.onStopped = { [unowned self] in self.loop.stop() }
    }

    /// Runs until a signal or a failure ends it.
    ///
    /// - Parameter takesQuiet: whether SIGTSTP quiets the pool; otherwise it suspends this process, as Ctrl-Z should.
    /// - Throws: ``CommandError`` for what the pipeline refused, or for a child that dies again and again.
    package func run(takesQuiet: Bool) throws {
        let exit = ExitSignals(
            on: loop, graceful: { [unowned self] in self.stop() },
            // The leases of killed children are ended first, so that other pools can take their lanes at once.
            immediate: { [unowned self] in if !self.isServerStopping { self.pool.stop() } })
        var signals = [SignalEvent(on: loop, signal: SIGHUP) { [unowned self] in self.renew() }]
        if takesQuiet { signals.append(SignalEvent(on: loop, signal: SIGTSTP) { [unowned self] in self.pool.quiet() }) }
        let reaper = OrphanReaper(on: loop) { [unowned self] in self.pool.owns($0) || self.server?.owns($0) == true }
        server?.start()
        connection.start()
        loop.run()
        reaper.close()
        withExtendedLifetime((exit, signals)) {}
        if let failure { throw failure }
    }

    /// Tells the service manager that the pool does its work.
    package func ready() {
        manager?.ready(on: loop, status: summary)
    }

    /// Ends everything in order; ``run(takesQuiet:)`` throws the first error that was given.
    package func fail(_ error: CommandError) {
        failure = failure ?? error
        stop()
    }

    private func redisIsReady() {
        pool.redisIsReady()
        guard !hasStarted, !isStopping else { return }
        hasStarted = true
        pool.start()
        onStarted()
    }

    /// Has the children read the configuration anew, unless they could not work with it.
    private func renew() {
        guard !pool.isQuiet else {
            return logger.error("nothing is replaced after SIGTSTP: end the pool with SIGTERM and start it anew")
        }
        do {
            let found = try reload()
            guard found.layout == shape.layout else {
                throw CommandError(
                    "stages or partitions differ from those that run: stop all processes, then start them anew")
            }
            let isLimitsOnly = found.differsOnlyInLimits(from: shape)
            shape = found
            pool.grace = found.grace
            manager?.reloading()
            if isLimitsOnly {
                logger.notice("the processes take other limits, on SIGHUP")
                pool.reloadLimits()
            } else {
                logger.notice("replacing the processes one by one, on SIGHUP")
                pool.replaceAll()
            }
            ready()
        } catch {
            onReloadFailed(error)
        }
    }

    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        onStopping()
        manager?.stopping()
        pool.stop()
    }

    /// Ends the Redis that this process runs, last: it holds what the others were working on.
    private func stopServer() {
        isServerStopping = true
        guard let server else { return loop.stop() }
        connection.stop()
        server.stop()
    }
}
