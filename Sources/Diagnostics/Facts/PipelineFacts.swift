import Pipeline
import Store

/// A pipeline's lanes and processes at one moment.
struct PipelineFacts {
    var layout: PipelineLayout
    var lanes: [LaneFacts] = []
    var processes: [ProcessFacts] = []
    /// Lanes of former shapes that still have letters.
    var former: [FormerLane] = []
    /// The server's clock when the processes were read, in ms since 1970.
    var time: Int64 = 0

    /// The processes that show what they are and whose heartbeat is no older than that, in ms.
    func living(within lifetime: Int64) -> [ProcessFacts] {
        processes.filter { !$0.fields.isEmpty && $0.beat >= time - lifetime }
    }

    /// The ids whose heartbeat is no older than that, in ms: these keep their leases. A heartbeat from the future counts
    /// only while its process still shows what it is.
    func heard(within lease: Int64) -> Set<String> {
        Set(processes.filter { $0.beat >= time - lease && (!$0.fields.isEmpty || $0.beat <= time + 5000) }.map(\.id))
    }

    /// The doors, then the stages in the order in which events pass them.
    func stages(within lifetime: Int64) -> [StageFacts] {
        let heard = heard(within: lifetime)
        let lanes = Dictionary(grouping: lanes, by: \.id.stage)
        return ([LaneID.incoming] + layout.stages).compactMap { name in
            lanes[name].map { lanes in
                let served = lanes.count { $0.owner.map(heard.contains) ?? false }
                return StageFacts(name: name, lanes: lanes, served: served)
            }
        }
    }

    /// Events that a stage has settled since an earlier look; nil when that cannot be told.
    func settled(_ stage: String, since earlier: PipelineFacts?) -> Int64? {
        guard let earlier, time > earlier.time, let now = settled(stage), let before = earlier.settled(stage) else {
            return nil
        }
        return now - before
    }

    /// The same for each second.
    func rate(of stage: String, since earlier: PipelineFacts?) -> Int64? {
        guard let earlier, let count = settled(stage, since: earlier) else { return nil }
        return count * 1000 / (time - earlier.time)
    }

    private func settled(_ stage: String) -> Int64? {
        let lanes = lanes.filter { $0.id.stage == stage }
        return lanes.isEmpty ? nil : lanes.reduce(0) { $0 + $1.settled }
    }
}

/// A lane that the pipeline does not have any more, with the letters that it left.
struct FormerLane: Equatable {
    var id: LaneID
    var deadLetters: Int64
    var heldEvents: Int64
}

/// A process as its heartbeats show it.
struct ProcessFacts {
    var id: String
    /// The last heartbeat, in ms since 1970 by the server's clock.
    var beat: Int64
    /// Its hash. Empty: the process is gone, and only the entry in `NAME:procs` is left.
    var fields: [String: String] = [:]

    /// `worker` or `edge`.
    var role: String { fields["role"] ?? "?" }
    var isWorker: Bool { role == "worker" }
    var isEdge: Bool { role == "edge" }
    var host: String { fields["host"] ?? "?" }
    var pid: String { fields["pid"] ?? "?" }
    /// Whether it has said that it ends.
    var isLeaving: Bool { fields["leaving"] == "1" }
    /// What a worker serves.
    var stages: [String] { (fields["stages"] ?? "").split(separator: ",").map(String.init) }
    /// Resident memory, in KiB.
    var memory: Int64 { number("memory_kb") ?? 0 }
    /// The last round trip to Redis, in µs.
    var roundTrip: Int64 { number("redis_us") ?? 0 }
    /// The lanes that a worker has.
    var lanes: Int64? { number("lanes") }
    /// The connections of an edge.
    var connections: Int64? { number("connections") }
    /// The polls and streams that an edge holds.
    var readers: Int64? { number("readers") }

    private func number(_ field: String) -> Int64? { fields[field].flatMap { Int64($0) } }
}

/// A lane at one moment: its hash, its queue and its lists of events set aside, read in one transaction.
struct LaneFacts {
    /// What a lane counts: arrivals, and the four ways in which an event leaves it.
    static let counters = ["in", "out", "dropped", "held", "dead"]

    var id: LaneID
    /// Its hash. Empty: no worker ever had it.
    var fields: [String: String] = [:]
    /// Events in its queue.
    var waiting: Int64 = 0
    /// How long the event at the queue's head has been on its way, in ms.
    var oldest: Int64?
    /// Dead letters in its list now. `fields` counts all that there ever were.
    var deadLetters: Int64 = 0
    var heldEvents: Int64 = 0
    /// The server's clock at that moment, in ms since 1970.
    var time: Int64 = 0

    /// The id of the worker that has it, or had it last; nil: none.
    var owner: String? { fields["owner"].flatMap { $0.isEmpty ? nil : $0 } }
    /// Until when the lease lasts without a heartbeat, in ms since 1970.
    var deadline: Int64 { count("deadline") }
    var token: Int64 { count("token") }
    var isPaused: Bool { fields["paused"] == "1" }
    /// How often the event at the head was begun alone by workers that have not come back; includes an attempt that is
    /// under way.
    var attempts: Int64 { count("attempts") }
    /// How many of these workers were seen to die.
    var deaths: Int64 { count("deaths") }
    /// Whether the head event has attempts, also such whose worker came back too late.
    var hasAttempts: Bool { fields["tried"].map { !$0.isEmpty } ?? false }

    func count(_ field: String) -> Int64 { fields[field].flatMap { Int64($0) } ?? 0 }

    /// Events that left it, one way or another.
    var settled: Int64 { LaneFacts.counters.dropFirst().reduce(0) { $0 + count($1) } }

    /// Arrivals that are in no counter and not in the queue: 0 in a sound lane, below 0 when more is there than arrived.
    /// A door counts an event when it takes it, so events that wait before a door have not arrived yet. Source:
    /// docs/contract.md.
    var missing: Int64 { count("in") - settled - (id.isIncoming ? 0 : waiting) }
}

/// The lanes of a stage, summed up.
struct StageFacts {
    let name: String
    let lanes: [LaneFacts]
    /// How many lanes have an owner that is alive.
    let served: Int

    var waiting: Int64 { lanes.reduce(0) { $0 + $1.waiting } }
    var paused: Int { lanes.count { $0.isPaused } }
    var deadLetters: Int64 { lanes.reduce(0) { $0 + $1.deadLetters } }
    var heldEvents: Int64 { lanes.reduce(0) { $0 + $1.heldEvents } }
    /// How long the oldest event at a queue's head has been on its way, in ms.
    var oldest: Int64? { lanes.compactMap(\.oldest).max() }
    /// Events that left it, one way or another.
    var settled: Int64 { lanes.reduce(0) { $0 + $1.settled } }

    func count(_ counter: String) -> Int64 { lanes.reduce(0) { $0 + $1.count(counter) } }
}
