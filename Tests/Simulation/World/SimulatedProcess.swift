import Events
import Logging
import Redis
import TestSupport

/// A process of the world: its loop, and the machines that run on it.
///
/// Everything that runs its code does so within ``turn(_:)``.
final class SimulatedProcess: RedisNetwork {
    /// Its name in steps.
    let name: String
    /// Its id in the pipeline, another one for each start.
    let id: String
    let timers = ManualTimers()
    var life = ProcessState.Life.running
    /// A frozen process was told to end before.
    var wasEnding = false
    /// Nil once it has ended.
    private(set) var machine: (any SimulatedMachine)?
    /// Its code runs no longer: what is still called leads nowhere.
    private(set) var hasEnded = false
    /// What came from outside while it was frozen.
    private var inbox: [() -> Void] = []

    private unowned let world: World
    private var generator: SplitMix64
    private var links: [Link] = []

    init(_ name: String, id: String, seed: UInt64, in world: World) {
        self.name = name
        self.id = id
        self.world = world
        generator = SplitMix64(seed: seed)
    }

    /// Whether its code can run now.
    var isAwake: Bool {
        switch life {
        case .running, .ending: !hasEnded
        case .frozen, .dead, .gone: false
        }
    }

    /// Something to do without a step of the network.
    func isDue(at now: Int64) -> Bool {
        isAwake && (!inbox.isEmpty || timers.nextDue.map { $0 <= now } ?? false)
    }

    /// Starts its machines.
    func start(_ make: (EventLoop) throws -> any SimulatedMachine) throws {
        let loop = try EventLoop(drivenBy: self)
        try turn { machine = try make(loop) }
    }

    /// Runs code of the process: one turn of its loop.
    func turn(_ body: () throws -> Void) rethrows {
        try body()
        if !hasEnded { timers.runDeferred() }
        for link in links { if hasEnded { link.outbox = [] } else { link.flush() } }
        links.removeAll { $0.isClosed || $0.isOrphan }
        if hasEnded { dispose() }
    }

    /// One turn that fires what is due.
    func run(at now: Int64) {
        turn {
            let calls = inbox
            inbox = []
            for call in calls { call() }
            // Those that are scheduled meanwhile belong to the next turn.
            for _ in 0..<timers.countDue(at: now) where timers.nextDue.map({ $0 <= now }) ?? false && !hasEnded {
                timers.fireNext()
            }
        }
    }

    /// Something comes from outside: now, or when the process wakes.
    func receive(_ call: @escaping () -> Void) {
        if isAwake { turn(call) } else if case .frozen = life { inbox.append(call) }
    }

    /// The process ends at once, maybe in the middle of a turn, whose effects are lost then.
    func end() {
        hasEnded = true
    }

    /// Lets go of everything that the process had. Its objects may call each other meanwhile: nothing comes of it.
    func dispose() {
        hasEnded = true
        inbox = []
        let ends = links.compactMap(\.transport)
        for link in links { link.abandon() }
        links = []
        // Callbacks that wait for a reply hold objects that hold the connection.
        for end in ends { end.end("the process has ended") }
        machine?.release()
        machine = nil
    }

    // MARK: What drives its loop

    func random() -> UInt64 { generator.next() }

    func makeTransport(named name: String) -> any RedisTransport {
        let isForPushes = name.hasSuffix("-watch") || name.hasSuffix("-events")
        let link = Link("\(self.name)/\(isForPushes ? "pushes" : "calls")", of: self.name, isForPushes: isForPushes)
        let transport = SimulatedTransport(link)
        if !hasEnded {
            links.append(link)
            world.network.add(link)
        }
        return transport
    }
}

/// What a process consists of: a worker, or an edge.
protocol SimulatedMachine: AnyObject {
    /// Why it cannot serve; nil when it can, or is a worker.
    var trouble: String? { get }
    /// SIGTSTP.
    func quiet()
    /// SIGTERM: it leaves in order, and calls back when it has done so.
    func stop(completion: @escaping () -> Void)
    /// Breaks cycles of references.
    func release()
}
