public import Events
import Glibc
public import Logging

/// Keeps child processes alive: starts them, starts them again when they die, passes on signals, and ends them.
///
/// A child that is to die with its supervisor arranges that itself (`ParentDeath`): the kernel tells it,
/// also when the supervisor is killed.
public final class Supervisor {
    /// What to run in one place. `arguments` is asked at each start, since a child may need a name of its own each time.
    public struct Place {
        public var name: String
        public var arguments: () -> [String]

        public init(name: String, arguments: @escaping () -> [String]) {
            self.name = name
            self.arguments = arguments
        }
    }

    /// Called for each child that ended, before it is started again: its place and its arguments.
    public var onEnded: (String, [String]) -> Void = { _, _ in }
    /// Called when a child dies too often to be started again; the supervisor goes on with the others.
    public var onGaveUp: (String) -> Void = { _ in }
    /// Called once when, after ``stop(after:)``, the last child has ended.
    public var onStopped: () -> Void = {}

    private struct Child {
        let place: Place
        var pid: pid_t?
        var arguments: [String] = []
        var started: Int64 = 0
        var policy = RestartPolicy()
        var timer: Timer?
    }

    private let loop: EventLoop
    private let logger: Logger
    private var children: [Child]
    private var isStopping = false
    private var generator = SystemRandomNumberGenerator()
    private var childSignal: SignalEvent?
    private lazy var deadline = Timer(on: loop) { [unowned self] in self.signalAll(SIGKILL) }

    public init(on loop: EventLoop, places: [Place], logger: Logger) {
        self.loop = loop
        self.logger = logger
        children = places.map { Child(place: $0) }
    }

    /// Starts every child.
    public func start() {
        childSignal = SignalEvent(on: loop, signal: SIGCHLD) { [unowned self] in self.reap() }
        for index in children.indices { spawn(index) }
    }

    /// Asks every child to end (SIGTERM) and kills those that have not after `milliseconds`. A second call kills at
    /// once.
    public func stop(after milliseconds: Int64) {
        if isStopping { return signalAll(SIGKILL) }
        isStopping = true
        for index in children.indices { children[index].timer = nil }
        signalAll(SIGTERM)
        deadline.schedule(after: milliseconds)
        finishWhenEmpty()
    }

    /// Sends a signal to every child.
    public func signalAll(_ signal: Int32) {
        for case let pid? in children.map(\.pid) { kill(pid, signal) }
    }

    private func spawn(_ index: Int) {
        children[index].timer = nil
        guard !isStopping else { return }
        let arguments = children[index].place.arguments()
        children[index].arguments = arguments
        children[index].started = Clock.monotonicMilliseconds()
        do throws(PipelineError) {
            children[index].pid = try ChildProcess.spawn(arguments)
        } catch {
            logger.error(
                "child could not be started",
                metadata: ["child": "\(children[index].place.name)", "error": "\(error.message)"])
            ended(index, how: "not started")
        }
    }

    /// Asks for its own children only: another supervisor in this process has some as well.
    private func reap() {
        for index in children.indices {
            guard let pid = children[index].pid else { continue }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { continue }
            children[index].pid = nil
            ended(index, how: ChildProcess.describe(status))
        }
        finishWhenEmpty()
    }

    private func ended(_ index: Int, how: String) {
        let child = children[index]
        onEnded(child.place.name, child.arguments)
        guard !isStopping else { return }
        let now = Clock.monotonicMilliseconds()
        let lived = now - child.started
        var policy = child.policy
        let decision = policy.died(at: now, lived: lived, using: &generator)
        children[index].policy = policy
        switch decision {
        case .restart(let wait):
            logger.warning(
                "child ended, starting it again",
                metadata: [
                    "child": "\(child.place.name)", "how": "\(how)", "lived_ms": "\(lived)", "wait_ms": "\(wait)",
                ])
            let timer = Timer(on: loop) { [unowned self] in self.spawn(index) }
            children[index].timer = timer
            timer.schedule(after: wait)
        case .giveUp(let deaths):
            logger.critical(
                "child ended too often, giving up",
                metadata: ["child": "\(child.place.name)", "how": "\(how)", "deaths": "\(deaths)"])
            onGaveUp(child.place.name)
        }
    }

    private func finishWhenEmpty() {
        guard isStopping, children.allSatisfy({ $0.pid == nil }) else { return }
        deadline.cancel()
        childSignal = nil
        let tell = onStopped
        onStopped = {}
        tell()
    }
}
