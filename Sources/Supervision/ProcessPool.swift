package import Events
import Glibc
package import Logging
import Pipeline
package import Redis
import Store

/// The processes that one command supervises: workers, edges. Ends the leases of a worker the moment it has died.
package final class ProcessPool {
    /// Called when a child has died too often.
    package var onGaveUp: (String) -> Void = { _ in }
    package var onStopped: () -> Void = {}

    /// What an edge gets that is to take the limits that the configuration has now.
    package static let takeLimitsSignal = SIGUSR1

    /// How children are treated.
    package struct Rules {
        package var recycling = RecyclePolicy()
        package var restarts = RestartPolicy()
        /// A child that has sent no heartbeat for so many milliseconds while Redis answers is killed; 0: never.
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

    /// Shared with the closures that make a child's arguments.
    private final class Grace {
        var milliseconds: Int64

        init(_ milliseconds: Int64) {
            self.milliseconds = milliseconds
        }
    }

    private let supervisor: Supervisor
    private let granted: Grace
    private let connection: RedisConnection
    private let pipeline: String
    private let silence: Int64
    private let logger: Logger
    private let loop: EventLoop
    private var connectedSince: Int64 = 0
    /// Children that died and whose leases are not known to have been ended.
    private var unreleased: [String] = []
    /// That those leases could not be ended was logged, and nothing has changed.
    private var hasLoggedFailure = false
    /// The last child has ended; what is left to do is to end the leases of children that have died.
    private var hasStopped = false
    private lazy var releaseDeadline = Timer(on: loop) { [unowned self] in self.finish() }
    private lazy var releaseRetry = Timer(on: loop) { [unowned self] in self.releaseLeases() }
    private lazy var hangCheck = Timer(on: loop) { [unowned self] in self.checkForHangs() }

    /// Time between two looks at the heartbeats of children, in milliseconds.
    private static let hangCheckInterval: Int64 = 5000
    /// How long the end waits for Redis to take the last word, in milliseconds.
    private static let releaseTimeout: Int64 = 1000
    /// How soon a server that would not end the leases, as it is busy, is asked again, in milliseconds.
    private static let releaseRetryInterval: Int64 = 250

    /// - Parameters:
    ///   - grace: how long children have to end in order, in milliseconds.
    ///   - connection: for ending leases; its owner starts it.
    package init(
        on loop: EventLoop, places: [Supervisor.Place], grace: Int64, rules: Rules, connection: RedisConnection,
        pipeline: String, logger: Logger
    ) {
        let granted = Grace(grace)
        self.granted = granted
        let places = places.map { place in
            var place = place
            let arguments = place.arguments
            place.arguments = { arguments() + ["--grace", String(granted.milliseconds / 1000)] }
            return place
        }
        supervisor = Supervisor(on: loop, places: places, grace: grace, restarts: rules.restarts, logger: logger)
        supervisor.recycling = rules.recycling
        silence = rules.silence
        self.loop = loop
        self.connection = connection
        self.pipeline = pipeline
        self.logger = logger
        supervisor.onEnded = { [unowned self] _, arguments in self.releaseLeases(ofChildWith: arguments) }
        supervisor.onGaveUp = { [unowned self] in self.onGaveUp($0) }
        supervisor.onStopped = { [unowned self] in self.childrenGone() }
    }

    package func start() {
        supervisor.start()
        if silence > 0 { hangCheck.schedule(every: ProcessPool.hangCheckInterval) }
    }

    /// The connection to Redis has been made, for the first time or anew.
    package func redisIsReady() {
        connectedSince = Clock.monotonicMilliseconds()
        releaseLeases()
    }

    /// Ends the children in order; a second call kills them.
    package func stop() {
        hangCheck.cancel()
        supervisor.stop()
    }

    /// How long children that are started from now on have to end in order, in milliseconds.
    package var grace: Int64 {
        get { granted.milliseconds }
        set {
            granted.milliseconds = newValue
            supervisor.grace = newValue
        }
    }

    /// Replaces the children one by one; the new ones read the configuration that is there then.
    package func renew() {
        supervisor.renew()
    }

    /// Has the edges take the limits that the configuration has now, as they run, and replaces the other children.
    ///
    /// An edge that has only just been started, and does not know the signal, ends by it: the next one reads the
    /// configuration that is there then. Nobody is connected to it yet.
    package func takeLimits() {
        let isEdge = { (place: String) in place.hasPrefix("edge-") }
        supervisor.signalAll(ProcessPool.takeLimitsSignal, where: isEdge)
        supervisor.renew { !isEdge($0) }
    }

    /// Whether that process is one of its own.
    package func owns(_ pid: Int32) -> Bool {
        supervisor.owns(pid)
    }

    package func signalAll(_ signal: Int32) {
        supervisor.signalAll(signal)
    }

    /// The children take nothing new: ``quiet()``.
    package var isQuiet: Bool { supervisor.isQuiet }

    /// Has the children take nothing new until they are ended; those that end by themselves are not replaced.
    package func quiet() {
        supervisor.quiet()
    }

    /// Places for workers. Each start has an id of its own: a lease never passes from a dead worker to its successor.
    package static func workers(_ count: Int, stages: [String]) -> [Supervisor.Place] {
        let pool = newName()
        return (1...max(1, count)).map { place("work", $0, of: pool, words: stages) }
    }

    /// Places for edges; `words` are the flags of `tidings edge` that they take over.
    ///
    /// - Parameter sockets: one for each place.
    package static func edges(_ count: Int, words: [String], sockets: PoolSockets?) -> [Supervisor.Place] {
        let pool = newName()
        return (1...max(1, count)).map { index in
            guard let sockets else { return place("edge", index, of: pool, words: words) }
            let own = sockets.ordered(first: index - 1)
            let flag = ["--listen-descriptors", own.map(String.init).joined(separator: ",")]
            return place("edge", index, of: pool, words: words + flag, descriptors: own)
        }
    }

    private static func place(
        _ command: String, _ index: Int, of pool: String, words: [String], descriptors: [Int32] = []
    ) -> Supervisor.Place {
        var starts = 0
        return Supervisor.Place(name: "\(command)-\(index)", descriptors: descriptors) {
            starts += 1
            let id = "\(HostName.current)-\(getpid())-\(pool)-\(command)\(index)-\(starts)"
            return [Subprocess.ownPath, command] + words + ["--child", id, "--parent", String(getpid())]
        }
    }

    /// Tells a pool from all others, ever: host and pid do not, where each runs in a container of its own.
    private static func newName() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36)
    }

    private static func id(in arguments: [String]) -> String? {
        guard let flag = arguments.firstIndex(of: "--child"), flag + 1 < arguments.count else { return nil }
        return arguments[flag + 1]
    }

    /// Kills those who are old enough to have been heard and were not: they hang. What they had in hand is tried again
    /// by others, event by event.
    private func checkForHangs() {
        let children = supervisor.running.filter { $0.age > silence }
        let ids = children.compactMap { ProcessPool.id(in: $0.arguments) }
        guard !ids.isEmpty, ids.count == children.count else { return }
        connection.call(.heard(pipeline: pipeline, ids)) { [weak self] result in
            // A process that could not speak to Redis either says nothing about itself.
            guard let self, case .success(let ages) = result else { return }
            // After an outage they need as long as this supervisor did, and longer.
            let connected = Clock.monotonicMilliseconds() - self.connectedSince
            for (child, age) in zip(children, ages) {
                let silent = min(age ?? child.age, connected)
                guard silent > self.silence else { continue }
                self.logger.error(
                    "child hangs, killing it", metadata: ["child": "\(child.name)", "silent_ms": "\(silent)"])
                kill(child.pid, SIGKILL)
            }
        }
    }

    private func childrenGone() {
        hasStopped = true
        if unreleased.isEmpty { finish() } else { releaseDeadline.schedule(after: ProcessPool.releaseTimeout) }
    }

    private func finish() {
        guard hasStopped else { return }
        hasStopped = false
        releaseDeadline.cancel()
        releaseRetry.cancel()
        onStopped()
    }

    private func releaseLeases(ofChildWith arguments: [String]) {
        guard let id = ProcessPool.id(in: arguments) else { return }
        unreleased.append(id)
        releaseLeases()
    }

    /// Ends the leases of those who have died; who dies while Redis is away is remembered until it is back.
    private func releaseLeases() {
        for id in unreleased {
            connection.call(.endLeases(pipeline: pipeline, of: [id])) { [weak self] result in
                switch result {
                case .success:
                    self?.unreleased.removeAll { $0 == id }
                    self?.hasLoggedFailure = false
                    if self?.unreleased.isEmpty == true { self?.finish() }
                case .failure(let error):
                    self?.leasesNotReleased(error)
                }
            }
        }
    }

    /// Without a connection there is nothing to do until there is one. A server that is busy, or cannot write, is asked
    /// again: it does not say when it can.
    private func leasesNotReleased(_ error: RedisError) {
        if error.code == .disconnected || error.code == .timeout { return finish() }
        if !hasLoggedFailure {
            logger.warning(
                "leases of a dead worker could not be ended, trying again", metadata: ["error": "\(error.message)"])
        }
        hasLoggedFailure = true
        releaseRetry.schedule(after: ProcessPool.releaseRetryInterval)
    }
}
