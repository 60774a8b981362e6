/// The lanes of a stage, summed up.
struct StatusStage {
    let name: String
    let lanes: [StatusLane]

    var waiting: Int64 { lanes.reduce(0) { $0 + $1.waiting } }
    /// Lanes whose owner lives.
    var served: Int { lanes.count { $0.isServed } }
    var paused: Int { lanes.count { $0.isPaused } }
    var deadLetters: Int64 { lanes.reduce(0) { $0 + $1.deadLetters } }
    var heldEvents: Int64 { lanes.reduce(0) { $0 + $1.heldEvents } }
    /// How long the oldest event at a queue's head has been on its way, in ms.
    var oldest: Int64? { lanes.compactMap(\.oldest).max() }
    /// Events that came out of it, one way or another.
    var settled: Int64 { lanes.reduce(0) { $0 + $1.settled } }

    func count(_ counter: String) -> Int64 { lanes.reduce(0) { $0 + ($1.counters[counter] ?? 0) } }
}
