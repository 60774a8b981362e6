import Configuration
import Console
import Events
import Glibc
import Logging
import Pipeline
import Redis
import Store
import Supervision

/// The process of `tidings work` and `tidings edge`: makes sure that it may join the pipeline, then supervises.
final class SupervisorHost {
    private let loop: EventLoop
    private let connection: RedisConnection
    private let session: PipelineSession
    private let pool: ProcessPool
    private let logger: Logger
    private var shape: PoolShape
    private let reload: () throws -> PoolShape
    private var hasStarted = false
    private var failure: CommandError?
    private var forwarded: [SignalEvent] = []
    private let manager = ServiceManager()
    private let summary: String

    /// - Parameters:
    ///   - shape: what the configuration makes of the pool.
    ///   - reload: the same from the configuration as it is at a SIGHUP.
    init(
        settings: Configuration, redis: RedisAddress, logger: Logger, places: [Supervisor.Place],
        shape: PoolShape, rules: ProcessPool.Rules, reload: @escaping () throws -> PoolShape
    ) throws {
        self.shape = shape
        self.reload = reload
        self.logger = logger
        summary = "\(settings.pipeline): \(places.map(\.name).joined(separator: ", "))"
        loop = try EventLoop()
        connection = RedisConnection(on: loop, to: redis, name: "tidings-supervisor-\(getpid())", logger: logger)
        session = PipelineSession(on: loop, connection: connection, layout: settings.layout, logger: logger)
        pool = ProcessPool(
            on: loop, places: places, grace: shape.grace, rules: rules, connection: connection,
            pipeline: settings.pipeline, logger: logger)
    }

    /// Runs until a signal ends it.
    func run() throws {
        session.onReady = { [unowned self] in
            self.pool.redisIsReady()
            guard !self.hasStarted else { return }
            self.hasStarted = true
            self.pool.start()
            self.manager?.ready(on: self.loop, status: self.summary)
        }
        session.onRefused = { [unowned self] error in
            guard !self.hasStarted else { return }
            self.end(CommandError(error.message))
        }
        pool.onStopped = { [unowned self] in self.loop.stop() }
        pool.onGaveUp = { [unowned self] name in
            self.failure = CommandError("\(name) dies again and again; see the log above")
            self.stop()
        }
        let exit = Exit(
            on: loop,
            graceful: { [unowned self] in self.stop() },
            // The leases of killed children are ended first, so that other pools can take their lanes at once.
            immediate: { [unowned self] in self.pool.stop() })
        forwarded = [
            SignalEvent(on: loop, signal: SIGHUP) { [unowned self] in self.renew() },
            SignalEvent(on: loop, signal: SIGTSTP) { [unowned self] in self.pool.quiet() },
        ]
        let reaper = OrphanReaper(on: loop) { [unowned self] in self.pool.owns($0) }
        connection.start()
        loop.run()
        reaper.close()
        withExtendedLifetime(exit) {}
        if let failure { throw failure }
    }

    /// Has the children read the configuration anew, unless that would end badly.
    private func renew() {
        guard !pool.isQuiet else {
            return logger.error("nothing is replaced after SIGTSTP: end the pool with SIGTERM and start it anew")
        }
        do {
            let found = try reload()
            guard found.layout == shape.layout else {
                logger.error(
                    "stages or partitions differ from those that run: stop all processes, then start them anew")
                return
            }
            let isLimitsOnly = found.differsOnlyInLimits(from: shape)
            shape = found
            pool.grace = found.grace
            manager?.reloading()
            if isLimitsOnly {
                logger.notice("the processes take other limits, on SIGHUP")
                pool.takeLimits()
            } else {
                logger.notice("replacing the processes one by one, on SIGHUP")
                pool.renew()
            }
            manager?.ready(on: loop, status: summary)
        } catch {
            logger.error("the configuration is wrong, nothing was changed", metadata: ["error": "\(error)"])
        }
    }

    private func stop() {
        manager?.stopping()
        pool.stop()
    }

    private func end(_ error: CommandError) {
        failure = error
        loop.stop()
    }
}
