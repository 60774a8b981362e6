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
    private var hasStarted = false
    private var failure: CommandError?
    private var forwarded: [SignalEvent] = []

    /// - Parameter grace: how long children have to end in order, in milliseconds.
    init(
        settings: Configuration, redis: RedisAddress, logger: Logger, places: [Supervisor.Place], grace: Int64
    ) throws {
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
        for signal in [SIGHUP, SIGTSTP] {
            forwarded.append(SignalEvent(on: loop, signal: signal) { [unowned self] in self.pool.signalAll(signal) })
        }
        connection.start()
        loop.run()
        withExtendedLifetime(exit) {}
        if let failure { throw failure }
    }

    private func end(_ error: CommandError) {
        failure = error
        loop.stop()
    }
}
