package import Events
package import Glibc
package import Logging
package import Store

/// Keeps child processes alive: starts them, restarts them when they die, replaces them when they have grown too large
/// or too old, passes signals on, and ends them.
///
/// Children end with this process, also when it is killed: see ``ChildSpec/parentDeathSignal``.
package final class Supervisor {
    /// A child that runs.
    package struct Running {
        /// The name of its place.
        package let name: String
        package let pid: pid_t
        package let id: String
        /// For how long it has run, in milliseconds.
        package let age: Int64
    }

    /// Called with the id of each child that has ended, and how, before its place gets another one.
    package var onEnded: (_ id: String, _ ending: ProcessEnding) -> Void = { _, _ in }
    /// Called with the name of a place whose child dies too often to be restarted. The other children go on.
    package var onGaveUp: (_ name: String) -> Void = { _ in }
    /// Called once, when the last child has ended after ``stop()``.
    package var onStopped: () -> Void = {}
    /// No child is started any more: ``quiet()``.
    package private(set) var isQuiet = false
    /// When a healthy child is replaced. Set before ``start()``.
    package var recycling = RecyclePolicy()
    /// Time in milliseconds that a child has to end in order before it is killed. Applies to children that are started
    /// from now on.
    package var grace: Int64

    private struct Child {
        let spec: ChildSpec
        var pid: pid_t?
        var id = ""
        var started: Int64 = 0
        var grace: Int64 = 0
        var policy: RestartPolicy
        var restart: Timer?
    }

    /// A child that was replaced and finishes its work.
    private struct RetiringChild {
        let pid: pid_t
        let spec: ChildSpec
        let id: String
        let grace: Int64
        /// Its grace was over, and it got SIGKILL.
        var isKilled = false
    }

    private let loop: EventLoop
    private let logger: Logger
    private var children: [Child]
    private var retiring: [RetiringChild] = []
    /// Children to be replaced, by index. The next one is replaced when the one before it has ended.
    private var replacements: [Int] = []
    private var isStopping = false
    private var generator = SystemRandomNumberGenerator()
    private var childSignal: SignalEvent?
    /// All children got SIGKILL, since they are to stop at once.
    private var isKilling = false
    private lazy var stopDeadline = Timer(on: loop) { [unowned self] in self.killAll() }
    private lazy var retirementDeadline = Timer(on: loop) { [unowned self] in
        for index in self.retiring.indices {
            self.retiring[index].isKilled = true
            kill(self.retiring[index].pid, SIGKILL)
        }
    }
    private lazy var inspection = Timer(on: loop) { [unowned self] in self.inspect() }

    /// Time between two looks at the memory and the age of children, in milliseconds.
    private static let inspectionInterval: Int64 = 5000
    /// How a child ends that cannot use its configuration: exit code 2, as waitpid(2) says it.
    private static let badConfiguration: Int32 = 2 << 8

    package init(
        on loop: EventLoop, children specs: [ChildSpec], grace: Int64, restarts: RestartPolicy = RestartPolicy(),
        logger: Logger
    ) {
        self.loop = loop
        self.grace = grace
        self.logger = logger
        children = specs.map { Child(spec: $0, policy: restarts) }
    }

    /// Starts every child.
    package func start() {
        childSignal = SignalEvent(on: loop, signal: SIGCHLD) { [unowned self] in self.reap() }
        for index in children.indices { spawn(index) }
        if recycling.isActive { inspection.schedule(every: Supervisor.inspectionInterval) }
    }

    /// Sends SIGTERM to every child, and SIGKILL to those that still run when their grace is over. A second call sends
    /// SIGKILL at once.
    package func stop() {
        if isStopping { return killAll() }
        isStopping = true
        replacements = []
        inspection.cancel()
        retirementDeadline.cancel()
        for index in children.indices { children[index].restart = nil }
        signalAll(SIGTERM)
        // A child that got SIGTSTP before it had a handler for it is stopped, and does not receive SIGTERM until it
        // continues.
        if isQuiet { signalAll(SIGCONT) }
        let graces = children.filter { $0.pid != nil }.map(\.grace) + retiring.map(\.grace)
        stopDeadline.schedule(after: graces.max() ?? grace)
        finishWhenEmpty()
    }

    private func killAll() {
        isKilling = true
        signalAll(SIGKILL)
    }

    /// Sends SIGTSTP to every child: they take nothing new. From now on no child is started, since it would take what
    /// the others leave.
    package func quiet() {
        guard !isStopping, !isQuiet else { return }
        isQuiet = true
        replacements = []
        for index in children.indices { children[index].restart = nil }
        signalAll(SIGTSTP)
    }

    /// Sends a signal to the children that satisfy a condition, retiring ones included.
    package func signalAll(_ signal: Int32, where isMeant: (ChildSpec) -> Bool = { _ in true }) {
        for child in children where isMeant(child.spec) {
            if let pid = child.pid { kill(pid, signal) }
        }
        for child in retiring where isMeant(child.spec) { kill(child.pid, signal) }
    }

    /// The children that run, without the retiring ones.
    package var running: [Running] {
        let now = Clock.monotonicMilliseconds()
        return children.compactMap { child in
            child.pid.map { Running(name: child.spec.name, pid: $0, id: child.id, age: now - child.started) }
        }
    }

    /// Whether a process is one of its children, retiring ones included.
    package func owns(_ pid: pid_t) -> Bool {
        children.contains { $0.pid == pid } || retiring.contains { $0.pid == pid }
    }

    /// Replaces the children that satisfy a condition, one after the other: the new child starts first, then the old
    /// one gets SIGHUP and finishes its work. So the pool is never without a child that works. Does nothing after
    /// ``quiet()``.
    package func replaceAll(where isMeant: (ChildSpec) -> Bool = { _ in true }) {
        guard !isQuiet else { return }
        replacements += children.indices.filter { !replacements.contains($0) && isMeant(children[$0].spec) }
        replaceNext()
    }

    private func replaceNext() {
        guard !isStopping, retiring.isEmpty, let index = replacements.first else { return }
        replacements.removeFirst()
        let old = children[index]
        // A dead child is about to be restarted anyway.
        guard let pid = old.pid else { return replaceNext() }
        retiring.append(RetiringChild(pid: pid, spec: old.spec, id: old.id, grace: old.grace))
        children[index].pid = nil
        spawn(index)
        kill(pid, SIGHUP)
        retirementDeadline.schedule(after: old.grace)
    }

    private func inspect() {
        guard !isQuiet else { return }
        for (index, child) in children.enumerated() where !replacements.contains(index) {
            guard let pid = child.pid else { continue }
            let age = Clock.monotonicMilliseconds() - child.started
            let memory = ProcessMemory.residentKilobytes(of: pid)
            guard let reason = recycling.reason(kilobytes: memory, age: age) else { continue }
            logger.notice("replacing a child", metadata: ["child": "\(child.spec.name)", "reason": "\(reason)"])
            replacements.append(index)
        }
        replaceNext()
    }

    private func spawn(_ index: Int) {
        children[index].restart = nil
        guard !isStopping, !isQuiet else { return }
        let spec = children[index].spec
        let launch = spec.launch(grace)
        children[index].id = launch.id
        children[index].grace = grace
        children[index].started = Clock.monotonicMilliseconds()
        do throws(SpawnError) {
            children[index].pid = try spec.spawn(launch)
        } catch {
            logger.error(
                "child could not be started", metadata: ["child": "\(spec.name)", "error": "\(error.message)"])
            ended(index, status: nil)
        }
    }

    /// Waits for its own children only: this process may have another supervisor.
    private func reap() {
        for index in children.indices {
            guard let pid = children[index].pid, let status = Subprocess.status(of: pid) else { continue }
            children[index].pid = nil
            ended(index, status: status)
        }
        for child in retiring {
            guard let status = Subprocess.status(of: child.pid) else { continue }
            retiring.removeAll { $0.pid == child.pid }
            retirementDeadline.cancel()
            onEnded(child.id, ProcessEnding(status: status, asked: child.isKilled ? .killed : .toEnd))
            logger.notice(
                "child was replaced",
                metadata: ["child": "\(child.spec.name)", "how": "\(Subprocess.describe(status))"])
            replaceNext()
        }
        finishWhenEmpty()
    }

    /// - Parameter status: as waitpid(2) says it; nil: the child could not be started.
    private func ended(_ index: Int, status: Int32?) {
        let child = children[index]
        let how = status.map(Subprocess.describe) ?? "not started"
        onEnded(child.id, ProcessEnding(status: status, asked: isKilling ? .killed : isStopping ? .toEnd : .nothing))
        guard !isStopping else { return }
        if isQuiet {
            return logger.warning(
                "child ended, not starting it again after SIGTSTP",
                metadata: ["child": "\(child.spec.name)", "how": "\(how)"])
        }
        let now = Clock.monotonicMilliseconds()
        let lived = now - child.started
        let hasBadConfiguration = status == Supervisor.badConfiguration
        let decision = children[index].policy.died(
            at: now, lived: lived, hasBadConfiguration: hasBadConfiguration, using: &generator)
        switch decision {
        case .restart(let wait):
            logger.log(
                level: hasBadConfiguration ? .error : .warning,
                hasBadConfiguration
                    ? "child cannot use the configuration as it is now, trying again"
                    : "child ended, starting it again",
                metadata: [
                    "child": "\(child.spec.name)", "how": "\(how)", "lived_ms": "\(lived)", "wait_ms": "\(wait)",
                ])
            let timer = Timer(on: loop) { [unowned self] in self.spawn(index) }
            children[index].restart = timer
            timer.schedule(after: wait)
        case .giveUp(let deaths):
            logger.critical(
                "child ended too often, giving up",
                metadata: [
                    "child": "\(child.spec.name)", "how": "\(how)", "deaths": "\(deaths)",
                    "within_s": "\(child.policy.window / 1000)",
                ])
            onGaveUp(child.spec.name)
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
