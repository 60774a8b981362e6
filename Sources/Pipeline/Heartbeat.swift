public import Events
import Glibc
public import Redis
public import Store

/// The heartbeat of a process in `NAME:procs` and `NAME:proc:ID`: shows operators that it lives, and keeps a worker's
/// leases.
public final class Heartbeat {
    /// Called when the set of live processes has changed.
    public var onMembersChanged: () -> Void = {}
    /// Called when the server does not know the functions (any more): load them again.
    public var onFunctionMissing: () -> Void = {}
    /// Asked before each beat for what else to show: counters, lanes.
    public var details: () -> [(String, String)] = { [] }

    /// Time between two beats, in milliseconds.
    public static let interval: Int64 = 2000
    /// How long a silent process is listed, in milliseconds.
    public static let lifetime: Int64 = 15_000

    public let id: String
    /// What a worker serves at the moment; shown from the next beat on.
    public var stages: [String]
    private let role: String
    private let layout: PipelineLayout
    private let connection: RedisConnection
    private let loop: EventLoop
    private let interval: Int64
    private let lease: Int64
    /// When the last beat was sent that the server is known to have taken; monotonic, in milliseconds.
    public private(set) var lastTaken: Int64 = .min / 2
    private var members: Set<String> = []
    private lazy var timer = Timer(on: loop) { [unowned self] in self.beat() }

    /// - Parameters:
    ///   - role: `worker` or `edge`.
    ///   - stages: what a worker serves at first.
    ///   - lease: what a worker keeps by its beats, in milliseconds: it beats four times in that time at least.
    public init(
        on loop: EventLoop, id: String, role: String, stages: [String], layout: PipelineLayout,
        connection: RedisConnection, lease: Int64 = .max
    ) {
        self.loop = loop
        self.id = id
        self.role = role
        self.stages = stages
        self.layout = layout
        self.connection = connection
        self.lease = lease
        // Only workers keep leases by it.
        interval = role == "worker" ? min(Heartbeat.interval, lease / 4) : Heartbeat.interval * 2
    }

    /// Beats now and from now on.
    public func start() {
        beat()
        timer.schedule(every: interval)
    }

    public func stop() {
        timer.cancel()
    }

    /// Beats once, now. The reply comes before those of commands sent later.
    public func beat() {
        var fields = [
            ("host", HostName.current), ("pid", String(getpid())), ("redis_us", String(connection.roundTrip)),
            ("memory_kb", String(ProcessMemory.residentKilobytes())),
        ]
        if lease != .max { fields.append(("lease", String(lease))) }
        fields += details()
        let sent = Clock.monotonicMilliseconds()
        let call = FunctionCall.beat(
            layout, process: id, role: role, stages: stages, lifetime: Heartbeat.lifetime, fields: fields)
        connection.call(call) { [weak self] result in
            guard let self else { return }
            if case .failure(let error) = result, error.code == .functionMissing { return self.onFunctionMissing() }
            guard case .success(let now) = result else { return }
            if self.lastTaken >= 0, sent - self.lastTaken > self.lease { self.announce() }
            self.lastTaken = sent
            guard now != self.members else { return }
            self.members = now
            self.onMembersChanged()
        }
    }

    /// This process stood still, or its line did, for longer than its lease: the others have its lanes and may list it
    /// still. They are to share anew.
    private func announce() {
        connection.send(RedisCommand("PUBLISH", layout.control, "join")) { _ in }
    }
}
