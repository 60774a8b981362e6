/// The simulated world, as schedules and the oracle see it.
///
/// All of it is deterministic: the same options and the same steps give the same observations.
package protocol SimulationWorld: AnyObject {
    /// Monotonic virtual time in milliseconds, from 0.
    var now: Int64 { get }

    /// The steps of time, network and processes that can be taken now: `run` of processes with something due, `open`,
    /// `refuse`, `execute`, `deliver` and `cut` of links, `bury`, `thaw` and so on. Steps that are always possible or
    /// that need an argument (`advance`, `push`, `seek`, `configure`, …) are not among them. In a fixed order.
    func enabled() -> [Step]

    /// Takes a step, and tells what could be observed from outside while it was taken, in order. A step that is not
    /// possible does nothing. Not for ``Step/settle(_:)``, which the schedule resolves.
    func apply(_ step: Step) -> [Observation]

    /// How long until the next timer of a process that runs is due, in milliseconds: 0 when one is due, nil when there
    /// is none.
    func nextTimer() -> Int64?

    /// Reads the pipeline's data at the server, without a part in it.
    func snapshot() -> ServerSnapshot

    /// Another number each time that a snapshot differs from the one before in more than the time.
    var dataVersion: Int { get }

    /// What each process is at now, started ones and those that are gone.
    var processes: [ProcessState] { get }
}

/// What a schedule decides before its first step.
package struct SimulationOptions: Hashable {
    package var partitions = 2
    package var workers = 2
    package var edges = 2
    /// Events that a feed keeps.
    package var history = 20
    /// Milliseconds that an idle feed stays.
    package var ttl: Int64 = 600_000
    /// Events of one batch.
    package var batch = 8
    /// Events that a ring of an edge keeps.
    package var ring = 8
    /// Seeds everything that the world draws by itself.
    package var seed: UInt64 = 1

    package init() {}
}

/// A process of the world.
package struct ProcessState: Hashable {
    package enum Life: Hashable {
        case running
        case frozen
        /// Told to end, and not gone yet.
        case ending
        /// It died, and its supervisor has not buried it. `wasSeen` is false when its host was lost.
        case dead(wasSeen: Bool)
        /// It left, or was buried, or never started.
        case gone
    }

    package var name: Step.ProcessName
    package var life: Life
    /// Edges: why `/ready` answers 503; nil when it answers 200. Workers: nil.
    package var trouble: String?

    package init(name: Step.ProcessName, life: Life, trouble: String? = nil) {
        self.name = name
        self.life = life
        self.trouble = trouble
    }
}

/// Something that happened, as an outsider with eyes everywhere sees it.
package enum Observation: Hashable {
    /// An event was sent in; its answer is open. `door` tells events apart whose order is promised: `push`, or `post`.
    case offered(SimulatedEvent, door: Door)
    /// The sender was told that the event was accepted (RPUSH: OK; POST: 202).
    case accepted(Int)
    /// The sender was told that the event was not accepted (an error, 503).
    case refused(Int)
    // An event with neither was accepted or not: nobody knows.

    /// A reader's poll began. `position` is the text of its offset, `-1` and `now` included.
    case asked(Step.ReaderName, edge: Step.ProcessName, channel: String, position: String)
    /// A reader was answered, with events (their numbers) or none, and a new position.
    case answered(Step.ReaderName, events: [Int], next: String)
    /// A reader was told that its position is lost: 410 or reset. Its next poll begins at `-1`, unless it seeks.
    case lost(Step.ReaderName)
    /// A reader was told to come again later (503), or its connection broke.
    case unanswered(Step.ReaderName)

    /// The server announced an event in a feed.
    case announced(channel: String, sequence: Int64, event: Int)
    /// A stage began to work on events; its process dies of a poisoned one by itself.
    case began(Step.ProcessName, stage: String, [Int])
    case died(Step.ProcessName)

    /// The server's data went back to that of the last copy, or to none.
    case takenBack(isEmpty: Bool)
    /// A copy of the data was kept.
    case saved
    /// The server restarted, with or without its data; all connections broke. Comes after `takenBack` in one step.
    case restarted
    /// The server's clock was stepped.
    case clockStepped(Int64)
    /// A setting changed for processes that start from now on.
    case configured(Step.Setting, Int64)
    /// An operator moved events by hand (approve, retry), or dropped them (reject, drop, purge).
    case movedByHand(Int)
    case droppedByHand(Int)
    /// Rights were taken from the user of the pipeline, or all given back.
    case rightsChanged(isComplete: Bool)

    package enum Door: String, Hashable {
        case push
        case post
    }
}

/// The pipeline's data at the server.
package struct ServerSnapshot: Hashable {
    package struct Feed: Hashable {
        /// The birth that its positions carry.
        package var born: Int64
        package var last: Int64
        package var floor: Int64
        /// Sequence number → the event's number, of what is kept.
        package var items: [Int64: Int]

        package init(born: Int64, last: Int64, floor: Int64, items: [Int64: Int]) {
            self.born = born
            self.last = last
            self.floor = floor
            self.items = items
        }
    }

    /// The epoch that edges read for all channels; nil when there is none.
    package var epoch: Int64?
    /// By channel; only those that exist.
    package var feeds: [String: Feed] = [:]
    /// The events' numbers in each queue, by key, empty ones left out; the inlets (`NAME:incoming`) included.
    package var queues: [String: [Int]] = [:]
    /// Events' numbers in each list of dead letters and of held events, by key.
    package var dead: [String: [Int]] = [:]
    package var held: [String: [Int]] = [:]
    /// Counters `dropped:REASON` over all lanes, by reason.
    package var dropped: [String: Int] = [:]
    /// What `NAME:config` says: `partitions` and `stages`; empty when it does not exist.
    package var configuration: [String: String] = [:]
    /// `CONTRACT/PARTITIONS/STAGES`, as the epoch's key says it; nil when it does not exist.
    package var shape: String?
    /// The lanes of former shapes that operators look at, as `PARTITION STAGE`.
    package var former: Set<String> = []
    /// The lanes that an operator paused, as `STAGE`.
    package var paused: Set<String> = []
    /// Milliseconds since 1970, by the server's clock.
    package var serverTime: Int64 = 0

    package init() {}
}
