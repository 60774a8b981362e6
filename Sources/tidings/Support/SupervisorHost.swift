import Events
import Glibc
import Logging
import Pipeline
import Redis

/// The process of `tidings work` and `tidings edge`: makes sure that it may join the pipeline, then supervises.
final class SupervisorHost {
    private let loop: EventLoop
    private let connection: RedisConnection
    private let session: PipelineSession
    private let pool: ProcessPool
    private let logger: Logger
    private let grace: Int64
    private let layout: PipelineLayout
    private let reload: () throws -> PipelineLayout
    private var hasStarted = false
    private var failure: CommandError?
    private var forwarded: [SignalEvent] = []

    /// - Parameters:
    ///   - grace: how long children have to end in order, in milliseconds.
    ///   - reload: reads the configuration again, at a SIGHUP.
    init(
        settings: Configuration, redis: RedisAddress, logger: Logger, places: [Supervisor.Place], grace: Int64,
        reload: @escaping () throws -> PipelineLayout
    ) throws {
        layout = settings.layout
        self.reload = reload
        self.logger = logger
        self.grace = grace
        loop = try EventLoop()
        connection = RedisConnection(on: loop, to: redis, name: "tidings-supervisor-\(getpid())", logger: logger)
        session = PipelineSession(on: loop, connection: connection, layout: settings.layout, logger: logger)
        pool = ProcessPool(
            on: loop, places: places, connection: connection, pipeline: settings.pipeline, logger: logger)
    }

    /// Runs until a signal ends it.
    func run() throws {
        session.onReady = { [unowned self] in
            guard !self.hasStarted else { return }
            self.hasStarted = true
            self.pool.start()
        }
        session.onRefused = { [unowned self] error in
            guard !self.hasStarted else { return }
            self.end(CommandError(error.message))
        }
        pool.onStopped = { [unowned self] in self.loop.stop() }
        pool.onGaveUp = { [unowned self] name in
            self.failure = CommandError("\(name) dies again and again; see the log above")
            self.pool.stop(after: self.grace)
        }
        let exit = Exit(
            on: loop,
            graceful: { [unowned self] in self.pool.stop(after: self.grace) },
            immediate: { [unowned self] in self.pool.signalAll(SIGKILL) })
        forwarded = [
            SignalEvent(on: loop, signal: SIGHUP) { [unowned self] in self.renew() },
            SignalEvent(on: loop, signal: SIGTSTP) { [unowned self] in self.pool.signalAll(SIGTSTP) },
        ]
        connection.start()
        loop.run()
        withExtendedLifetime(exit) {}
        if let failure { throw failure }
    }

    /// Has the children read the configuration anew, unless that would end badly.
    private func renew() {
        do {
            guard try reload() == layout else {
                logger.error(
                    "stages or partitions differ from those that run: stop all processes, then start them anew")
                return
            }
            pool.signalAll(SIGHUP)
        } catch {
            logger.error("the configuration is wrong, nothing was changed", metadata: ["error": "\(error)"])
        }
    }

    private func end(_ error: CommandError) {
        failure = error
        loop.stop()
    }
}
