package import Events
package import Glibc
package import Logging
import Pipeline

/// Keeps child processes alive: starts them, starts them again when they die, replaces them when they have grown too
/// large or old, passes on signals, and ends them.
///
/// A child that is to die with its supervisor arranges that itself (`ParentDeath`): the kernel tells it,
/// also when the supervisor is killed.
package final class Supervisor {
    /// What to run in one place. `arguments` is asked at each start, since a child may need a name of its own each time.
    package struct Place {
        package var name: String
        package var arguments: () -> [String]
        /// Open files that each of its children gets, under the same numbers.
        package var descriptors: [Int32]

        package init(name: String, descriptors: [Int32] = [], arguments: @escaping () -> [String]) {
            self.name = name
            self.descriptors = descriptors
            self.arguments = arguments
        }
    }

    /// A child that runs.
    package struct Running {
        package let name: String
        package let pid: pid_t
        package let arguments: [String]
        /// For how long it has run, in milliseconds.
        package let age: Int64
    }

    /// Called for each child that ended, before it is started again: its place and its arguments.
    package var onEnded: (String, [String]) -> Void = { _, _ in }
    /// Called when a child dies too often to be started again; the supervisor goes on with the others.
    package var onGaveUp: (String) -> Void = { _ in }
    /// Called once when, after ``stop(after:)``, the last child has ended.
    package var onStopped: () -> Void = {}
    /// No child is started any more: ``quiet()``.
    package private(set) var isQuiet = false
    /// When a child is replaced though it is well.
    package var recycling = RecyclePolicy()
    /// How long a child that was asked to end has for it, in milliseconds, before it is killed. Holds for those that are
    /// started from now on.
    package var grace: Int64

    private struct Child {
        let place: Place
        var pid: pid_t?
        var arguments: [String] = []
        var started: Int64 = 0
        var grace: Int64 = 0
        var policy: RestartPolicy
        var timer: Timer?
    }

    /// A child that was replaced and finishes what it has in hand.
    private struct RetiringChild {
        let pid: pid_t
        let place: String
        let arguments: [String]
        let grace: Int64
    }

    private let loop: EventLoop
    private let logger: Logger
    private var children: [Child]
    private var retiring: [RetiringChild] = []
    /// Places whose child is to be replaced, each when the one before it is done.
    private var renewals: [Int] = []
    private var isStopping = false
    private var generator = SystemRandomNumberGenerator()
    private var childSignal: SignalEvent?
    private lazy var stopDeadline = Timer(on: loop) { [unowned self] in self.signalAll(SIGKILL) }
    private lazy var renewalDeadline = Timer(on: loop) { [unowned self] in
        for child in self.retiring { kill(child.pid, SIGKILL) }
    }
    private lazy var inspection = Timer(on: loop) { [unowned self] in self.inspect() }

    /// Time between two looks at the memory and the age of children, in milliseconds.
    private static let inspectionInterval: Int64 = 5000

    /// - Parameters:
    ///   - grace: see ``grace``.
    ///   - restarts: when dead children are started again, and when no longer.
    package init(
        on loop: EventLoop, places: [Place], grace: Int64, restarts: RestartPolicy = RestartPolicy(), logger: Logger
    ) {
        self.loop = loop
        self.grace = grace
        self.logger = logger
        children = places.map { Child(place: $0, policy: restarts) }
    }

    /// Starts every child.
    package func start() {
        childSignal = SignalEvent(on: loop, signal: SIGCHLD) { [unowned self] in self.reap() }
        for index in children.indices { spawn(index) }
        if recycling.isActive { inspection.schedule(every: Supervisor.inspectionInterval) }
    }

    /// Asks every child to end (SIGTERM) and kills those that have not within the grace. A second call kills at once.
    package func stop() {
        if isStopping { return signalAll(SIGKILL) }
        isStopping = true
        renewals = []
        inspection.cancel()
        renewalDeadline.cancel()
        for index in children.indices { children[index].timer = nil }
        signalAll(SIGTERM)
        // One that got SIGTSTP before it knew what to do with it stands still, and would not hear the other.
        if isQuiet { signalAll(SIGCONT) }
        let graces = children.filter { $0.pid != nil }.map(\.grace) + retiring.map(\.grace)
        stopDeadline.schedule(after: graces.max() ?? grace)
        finishWhenEmpty()
    }

    /// Has every child take nothing new (SIGTSTP). From now on none is started, again or in place of another: it would
    /// take what the others leave.
    package func quiet() {
        guard !isStopping, !isQuiet else { return }
        isQuiet = true
        renewals = []
        for index in children.indices { children[index].timer = nil }
        signalAll(SIGTSTP)
    }

    /// Sends a signal to every child, or to those in the places that are meant.
    package func signalAll(_ signal: Int32, where isMeant: (String) -> Bool = { _ in true }) {
        for child in children where isMeant(child.place.name) {
            if let pid = child.pid { kill(pid, signal) }
        }
        for child in retiring where isMeant(child.place) { kill(child.pid, signal) }
    }

    /// The children that run, without those that were replaced already.
    package var running: [Running] {
        let now = Clock.monotonicMilliseconds()
        return children.compactMap { child in
            child.pid.map {
                Running(name: child.place.name, pid: $0, arguments: child.arguments, age: now - child.started)
            }
        }
    }

    /// Whether that process is one of its children, also of those that were replaced and have not ended.
    package func owns(_ pid: pid_t) -> Bool {
        children.contains { $0.pid == pid } || retiring.contains { $0.pid == pid }
    }

    /// Replaces every child, or those in the places that are meant, by a new one, one place after the other: the new one
    /// starts, the old one is asked to end (SIGHUP: its place is taken already) and finishes what it has in hand. So a pool
    /// is never without a child that works. After ``quiet()`` nothing is done.
    package func renew(where isMeant: (String) -> Bool = { _ in true }) {
        guard !isQuiet else { return }
        renewals += children.indices.filter { !renewals.contains($0) && isMeant(children[$0].place.name) }
        renewNext()
    }

    private func renewNext() {
        guard !isStopping, retiring.isEmpty, let index = renewals.first else { return }
        renewals.removeFirst()
        let old = children[index]
        // One that is dead is about to be started anew anyway.
        guard let pid = old.pid else { return renewNext() }
        retiring.append(RetiringChild(pid: pid, place: old.place.name, arguments: old.arguments, grace: old.grace))
        children[index].pid = nil
        spawn(index)
        kill(pid, SIGHUP)
        renewalDeadline.schedule(after: old.grace)
    }

    private func inspect() {
        guard !isQuiet else { return }
        for (index, child) in children.enumerated() where !renewals.contains(index) {
            guard let pid = child.pid else { continue }
            let age = Clock.monotonicMilliseconds() - child.started
            let memory = ProcessMemory.residentKilobytes(of: pid)
            guard let reason = recycling.reason(kilobytes: memory, age: age) else { continue }
            logger.notice("replacing a child", metadata: ["child": "\(child.place.name)", "reason": "\(reason)"])
            renewals.append(index)
        }
        renewNext()
    }

    private func spawn(_ index: Int) {
        children[index].timer = nil
        guard !isStopping, !isQuiet else { return }
        let arguments = children[index].place.arguments()
        children[index].arguments = arguments
        children[index].grace = grace
        children[index].started = Clock.monotonicMilliseconds()
        do throws(PipelineError) {
            children[index].pid = try Subprocess.spawn(arguments, descriptors: children[index].place.descriptors)
        } catch {
            logger.error(
                "child could not be started",
                metadata: ["child": "\(children[index].place.name)", "error": "\(error.message)"])
            ended(index, status: nil)
        }
    }

    /// Asks for its own children only: another supervisor in this process has some as well.
    private func reap() {
        for index in children.indices {
            guard let pid = children[index].pid, let status = end(of: pid) else { continue }
            children[index].pid = nil
            ended(index, status: status)
        }
        for child in retiring {
            guard let status = end(of: child.pid) else { continue }
            retiring.removeAll { $0.pid == child.pid }
            renewalDeadline.cancel()
            onEnded(child.place, child.arguments)
            logger.notice(
                "child was replaced", metadata: ["child": "\(child.place)", "how": "\(Subprocess.describe(status))"])
            renewNext()
        }
        finishWhenEmpty()
    }

    /// How that child ended, as waitpid(2) says it; nil while it runs.
    private func end(of pid: pid_t) -> Int32? {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == pid ? status : nil
    }

    /// A child whose configuration cannot be used exits so.
    private static let badConfiguration: Int32 = 2 << 8

    /// - Parameter status: nil: it could not be started.
    private func ended(_ index: Int, status: Int32?) {
        let child = children[index]
        let how = status.map(Subprocess.describe) ?? "not started"
        onEnded(child.place.name, child.arguments)
        guard !isStopping else { return }
        if isQuiet {
            return logger.warning(
                "child ended, not starting it again after SIGTSTP",
                metadata: ["child": "\(child.place.name)", "how": "\(how)"])
        }
        let now = Clock.monotonicMilliseconds()
        let lived = now - child.started
        var policy = child.policy
        let hasBadConfiguration = status == Supervisor.badConfiguration
        let decision = policy.died(at: now, lived: lived, hasBadConfiguration: hasBadConfiguration, using: &generator)
        children[index].policy = policy
        switch decision {
        case .restart(let wait):
            logger.log(
                level: hasBadConfiguration ? .error : .warning,
                hasBadConfiguration
                    ? "child cannot use the configuration as it is now, trying again"
                    : "child ended, starting it again",
                metadata: [
                    "child": "\(child.place.name)", "how": "\(how)", "lived_ms": "\(lived)", "wait_ms": "\(wait)",
                ])
            let timer = Timer(on: loop) { [unowned self] in self.spawn(index) }
            children[index].timer = timer
            timer.schedule(after: wait)
        case .giveUp(let deaths):
            logger.critical(
                "child ended too often, giving up",
                metadata: [
                    "child": "\(child.place.name)", "how": "\(how)", "deaths": "\(deaths)",
                    "within_s": "\(policy.window / 1000)",
                ])
            onGaveUp(child.place.name)
        }
    }

    private func finishWhenEmpty() {
        guard isStopping, retiring.isEmpty, children.allSatisfy({ $0.pid == nil }) else { return }
        stopDeadline.cancel()
        childSignal = nil
        let tell = onStopped
        onStopped = {}
        tell()
    }
}
