public import Events
import Glibc
public import Redis
public import Store

/// The heartbeat of a process in `NAME:procs` and `NAME:proc:ID`: lists the process for operators, and keeps a worker's
/// leases.
public final class Heartbeat {
    /// Called when the set of live processes has changed.
    public var onMembersChanged: () -> Void = {}
    /// Called when the server does not know the functions: load them again.
    public var onFunctionMissing: () -> Void = {}
    /// Called with the epoch that each heartbeat is answered: the data may have gone back in time when it is another one
    /// than the process knows.
    public var onEpoch: (Int64) -> Void = { _ in }
    /// The highest epoch that the process knows; called before each heartbeat.
    public var knownEpoch: () -> Int64 = { 0 }
    /// Further fields for operators, such as counters; called before each heartbeat.
    public var details: () -> [(String, String)] = { [] }

    /// Time between two heartbeats, in milliseconds.
    public static let interval: Int64 = 2000
    /// How long a silent process is listed, in milliseconds.
    public static let lifetime: Int64 = 15_000

    public let id: String
    /// What a worker serves at the moment; announced with the next heartbeat.
    public var stages: [String]
    private let role: String
    private let layout: PipelineLayout
    private let connection: RedisConnection
    private let loop: EventLoop
    private let interval: Int64
    private let lease: Int64
    private let clock: () -> Int64
    /// When the last heartbeat was sent that the server has answered.
    private var lastTaken: Int64?
    private var members: Set<String> = []
    private lazy var timer = Timer(on: loop) { [unowned self] in self.beat() }

    /// - Parameters:
    ///   - role: `worker` or `edge`.
    ///   - stages: what a worker serves at first.
    ///   - lease: of a worker, in milliseconds: it sends at least four heartbeats in that time.
    ///   - clock: in milliseconds. It goes on while the machine is suspended, since the lease ends meanwhile.
    public init(
        on loop: EventLoop, id: String, role: String, stages: [String], layout: PipelineLayout,
        connection: RedisConnection, lease: Int64 = .max, clock: @escaping () -> Int64 = Clock.boottimeMilliseconds
    ) {
        self.loop = loop
        self.id = id
        self.role = role
        self.stages = stages
        self.layout = layout
        self.connection = connection
        self.lease = lease
        self.clock = clock
        // Only workers have leases to keep.
        interval = role == "worker" ? min(Heartbeat.interval, lease / 4) : Heartbeat.interval * 2
    }

    /// Whether a worker's lease still holds, with a fifth of it to spare. A lease begins when the server takes a
    /// heartbeat, which is after this process sent it.
    public var isLeaseSure: Bool {
        guard let lastTaken else { return false }
        return clock() - lastTaken < lease - lease / 5
    }

    /// Sends a heartbeat now, and regularly from now on.
    public func start() {
        beat()
        timer.schedule(every: interval)
    }

    public func stop() {
        timer.cancel()
    }

    /// Sends one heartbeat, now. Its reply comes before those of commands that are sent later.
    public func beat() {
        var fields = [
            ("host", HostName.current), ("pid", String(getpid())), ("redis_us", String(connection.roundTrip)),
            ("memory_kb", String(ProcessMemory.residentKilobytes())),
        ]
        if lease != .max { fields.append(("lease", String(lease))) }
        fields += details()
        let sent = clock()
        let call = FunctionCall.beat(
            layout, process: id, role: role, stages: stages, lifetime: Heartbeat.lifetime,
            epoch: knownEpoch(), fields: fields)
        connection.call(call) { [weak self] result in
            guard let self else { return }
            if case .failure(let error) = result, error.code == .functionMissing { return self.onFunctionMissing() }
            guard case .success(let answer) = result else { return }
            if let last = self.lastTaken, sent - last > self.lease { self.announce() }
            self.lastTaken = sent
            if let epoch = answer.epoch { self.onEpoch(epoch) }
            guard answer.members != self.members else { return }
            self.members = answer.members
            self.onMembersChanged()
        }
    }

    /// We missed our lease; ask all workers to rebalance. Those that took our lanes may list us still, and would not
    /// notice our return.
    private func announce() {
        connection.send(RedisCommand("PUBLISH", layout.control, "join")) { _ in }
    }
}
