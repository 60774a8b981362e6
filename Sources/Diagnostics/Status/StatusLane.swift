import JSON

/// A lane as `tidings_stats` shows it.
struct StatusLane {
    let stage: String
    /// Nil: the open door, which belongs to no partition.
    let partition: Int64?
    /// The key of its queue.
    let queue: String
    let waiting: Int64
    /// How long the event at the queue's head has been on its way, in ms.
    let oldest: Int64?
    /// The id of the worker that has the lane, or had it last; empty: none.
    let owner: String
    /// Whether the owner lives.
    let isServed: Bool
    let isPaused: Bool
    /// How often the event at the head was begun by workers that did not come back.
    let attempts: Int64
    /// Letters that are there now. What ever became one is counted in `counters`.
    let deadLetters: Int64
    let heldEvents: Int64
    let counters: [String: Int64]

    init(_ json: JSON) {
        func number(_ key: String) -> Int64 { json[key]?.int ?? 0 }
        stage = json["stage"]?.string ?? ""
        partition = json["partition"]?.int
        queue = json["queue"]?.string ?? ""
        waiting = number("waiting")
        oldest = json["oldest_ms"]?.int
        owner = json["owner"]?.string ?? ""
        isServed = json["live"]?.bool == true
        isPaused = json["paused"]?.bool == true
        attempts = number("attempts")
        deadLetters = number("dead_letters")
        heldEvents = number("held_events")
        counters = Dictionary(uniqueKeysWithValues: StatusReport.counters.map { ($0, number($0)) })
    }

    /// Events that came out of it, one way or another.
    var settled: Int64 { ["out", "dropped", "held", "dead"].reduce(0) { $0 + (counters[$1] ?? 0) } }

    /// How many events arrived and are nowhere: 0 in a sound lane. A door counts what it takes, so what waits before it
    /// has not arrived yet. Source: docs/contract.md.
    var missing: Int64 { (counters["in"] ?? 0) - settled - (stage == "incoming" ? 0 : waiting) }
}
