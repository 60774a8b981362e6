import Pipeline
import Store

/// A lane at one moment: its hash, its queue and its letters, read in one transaction.
struct LaneFacts {
    var id: LaneID
    var fields: [String: String] = [:]
    /// Events in its queue.
    var waiting: Int64 = 0
    var deadLetters: Int64 = 0
    var heldEvents: Int64 = 0
    /// The server's clock at that moment, in ms since 1970.
    var time: Int64 = 0

    /// The owner's id; nil: none.
    var owner: String? { fields["owner"].flatMap { $0.isEmpty ? nil : $0 } }
    /// Until when the lease lasts without a heartbeat, in ms since 1970.
    var deadline: Int64 { count("deadline") }
    var token: Int64 { count("token") }
    var isPaused: Bool { fields["paused"] == "1" }

    func count(_ field: String) -> Int64 { fields[field].flatMap { Int64($0) } ?? 0 }

    /// Events that came out of it, one way or another.
    var settled: Int64 { ["out", "dropped", "held", "dead"].reduce(0) { $0 + count($1) } }

    /// How many events arrived and are nowhere: 0 in a sound lane, below 0 when more is there than came.
    /// A door counts what it takes, so what waits before it has not arrived yet.
    var missing: Int64 { count("in") - settled - (id.isIncoming ? 0 : waiting) }
}
