package import Events
import Glibc
package import Logging
package import Redis
import Store

/// The workers and edges that one command supervises. Ends the leases of a worker as soon as it has died, and kills
/// children that hang.
package final class ProcessPool {
    /// Called with the name of a place whose child dies too often to be restarted.
    package var onGaveUp: (_ name: String) -> Void = { _ in }
    /// Called once after ``stop()``, when all children have ended and their leases too, if Redis can be reached.
    package var onStopped: () -> Void = {}

    /// Tells an edge to apply the limits that the configuration has now.
    package static let reloadLimitsSignal = SIGUSR1

    /// How children are treated.
    package struct Rules {
        package var recycling = RecyclePolicy()
        package var restarts = RestartPolicy()
        /// A child that has sent no heartbeat for this time, in milliseconds, is killed as ``HangPolicy`` says; 0: never.
        package var silence: Int64 = 60_000

        package init(
            recycling: RecyclePolicy = RecyclePolicy(), restarts: RestartPolicy = RestartPolicy(),
            silence: Int64 = 60_000
        ) {
            self.recycling = recycling
            self.restarts = restarts
            self.silence = silence
        }
    }

    private let supervisor: Supervisor
    private let connection: RedisConnection
    private let pipeline: String
    private let logger: Logger
    private let loop: EventLoop
    private var hangs: HangPolicy
    /// Children that have ended and may still own leases.
    private var unreleased: [(id: String, ending: ProcessEnding)] = []
    /// The failure to end those leases has been logged: it is logged once for each outage.
    private var hasLoggedFailure = false
    /// The last child has ended; at most the leases of dead children are left to be ended.
    private var isEmpty = false
    private lazy var releaseDeadline = Timer(on: loop) { [unowned self] in self.finish() }
    private lazy var releaseRetry = Timer(on: loop) { [unowned self] in self.releaseLeases() }
    private lazy var hangCheck = Timer(on: loop) { [unowned self] in self.checkForHangs() }

    /// Time that Redis has, when the pool ends, to end the leases of dead children, in milliseconds.
    private static let releaseTimeout: Int64 = 1000
    /// Time until a busy or read-only server is asked again to end leases, in milliseconds.
    private static let releaseRetryInterval: Int64 = 250

    /// - Parameters:
    ///   - grace: time that children have to end in order, in milliseconds.
    ///   - connection: for ending leases; the caller starts it.
    package init(
        on loop: EventLoop, children: [ChildSpec], grace: Int64, rules: Rules, connection: RedisConnection,
        pipeline: String, logger: Logger
    ) {
        supervisor = Supervisor(on: loop, children: children, grace: grace, restarts: rules.restarts, logger: logger)
        supervisor.recycling = rules.recycling
        hangs = HangPolicy(silence: rules.silence, at: Clock.boottimeMilliseconds())
        self.loop = loop
        self.connection = connection
        self.pipeline = pipeline
        self.logger = logger
        supervisor.onEnded = { [unowned self] id, ending in
            self.unreleased.append((id, ending))
            self.releaseLeases()
        }
        supervisor.onGaveUp = { [unowned self] in self.onGaveUp($0) }
        supervisor.onStopped = { [unowned self] in self.childrenEnded() }
    }

    package func start() {
        supervisor.start()
        if hangs.silence > 0 { hangCheck.schedule(every: HangPolicy.interval) }
    }

    /// Call each time that the connection to Redis has been made.
    package func redisIsReady() {
        // After an outage children need as long as this process to reconnect, or longer.
        hangs.startAnew(at: Clock.boottimeMilliseconds())
        releaseLeases()
    }

    /// Ends the children in order; a second call kills them.
    package func stop() {
        hangCheck.cancel()
        supervisor.stop()
    }

    /// Time that children that are started from now on have to end in order, in milliseconds.
    package var grace: Int64 {
        get { supervisor.grace }
        set { supervisor.grace = newValue }
    }

    /// Replaces the children one by one. The new ones read the configuration anew.
    package func replaceAll() {
        supervisor.replaceAll()
    }

    /// Has the running edges apply the limits that the configuration has now, and replaces the workers.
    ///
    /// An edge that has only just been started has no handler for the signal yet and ends by it; it has no readers, and
    /// its successor reads the new limits.
    package func reloadLimits() {
        supervisor.signalAll(ProcessPool.reloadLimitsSignal) { $0.role == .edge }
        supervisor.replaceAll { $0.role != .edge }
    }

    /// Whether a process is one of its children.
    package func owns(_ pid: Int32) -> Bool {
        supervisor.owns(pid)
    }

    /// The children take nothing new: ``quiet()``.
    package var isQuiet: Bool { supervisor.isQuiet }

    /// Has the children take nothing new until they are ended. A child that ends meanwhile is not restarted.
    package func quiet() {
        supervisor.quiet()
    }

    /// Kills children that run for long enough to have sent a heartbeat and have not: they hang. The events that they
    /// had are tried again by others, one by one. ``HangPolicy`` decides.
    private func checkForHangs() {
        hangs.beginCheck(at: Clock.boottimeMilliseconds())
        let children = supervisor.running.filter { $0.age > hangs.silence }
        guard !children.isEmpty else { return }
        connection.call(.heard(pipeline: pipeline, children.map(\.id))) { [weak self] result in
            guard let self else { return }
            let now = Clock.boottimeMilliseconds()
            // While Redis does not answer here, it does not take the heartbeats of children either.
            guard case .success(let ages) = result else { return self.hangs.startAnew(at: now) }
            let reports = zip(children, ages).map { child, age in
                HangPolicy.Report(id: child.id, heartbeatAge: age, age: child.age)
            }
            for hang in self.hangs.hanging(among: reports, at: now) {
                // One that has ended since the question is not there any more.
                guard let child = self.supervisor.running.first(where: { $0.id == hang.id }) else { continue }
                self.logger.error(
                    "child hangs, killing it", metadata: ["child": "\(child.name)", "silent_ms": "\(hang.silence)"])
                kill(child.pid, SIGKILL)
            }
        }
    }

    private func childrenEnded() {
        isEmpty = true
        if unreleased.isEmpty { finish() } else { releaseDeadline.schedule(after: ProcessPool.releaseTimeout) }
    }

    private func finish() {
        guard isEmpty else { return }
        isEmpty = false
        releaseDeadline.cancel()
        releaseRetry.cancel()
        onStopped()
    }

    /// Ends the leases of children that have ended. Those that end while Redis is away are kept until it is back.
    private func releaseLeases() {
        for (id, ending) in unreleased {
            connection.call(.leave(pipeline: pipeline, process: id, ending)) { [weak self] result in
                guard let self else { return }
                switch result {
                case .success:
                    self.unreleased.removeAll { $0.id == id }
                    self.hasLoggedFailure = false
                    if self.unreleased.isEmpty { self.finish() }
                case .failure(let error):
                    self.releaseFailed(error)
                }
            }
        }
    }

    /// Without a connection, ``redisIsReady()`` tries again. A server that is busy or cannot write does not say when it
    /// can again, so it is asked after an interval.
    private func releaseFailed(_ error: RedisError) {
        if error.isUnanswered { return finish() }
        if !hasLoggedFailure {
            logger.warning(
                "leases of a dead worker could not be ended, trying again", metadata: ["error": "\(error.message)"])
        }
        hasLoggedFailure = true
        releaseRetry.schedule(after: ProcessPool.releaseRetryInterval)
    }
}
