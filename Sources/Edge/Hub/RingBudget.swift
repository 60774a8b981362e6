/// The memory of all rings of a process, and how to shrink them. Pure.
final class RingBudget {
    /// Bytes of all rings: events with their overhead, and encoded bodies.
    private(set) var bytes = 0

    /// The overhead of an event in bytes: its array's head, its entry, its comment's place in the index.
    static let entryOverhead = 96

    private let metrics: EdgeMetrics

    /// - Parameter metrics: counts the limits that rings reach.
    init(metrics: EdgeMetrics = EdgeMetrics()) {
        self.metrics = metrics
    }

    /// Records that a ring reached one of its own limits.
    func reached(_ limit: EdgeLimit) {
        metrics.reached(limit)
    }

    func add(_ difference: Int) {
        bytes += difference
    }

    /// The largest size of a ring for which all rings together have at most `target` bytes: large rings are shortened
    /// to it, smaller ones stay as they are.
    static func level(of sizes: some Sequence<Int>, target: Int) -> Int {
        let sizes = sizes.sorted()
        var rest = target
        for (index, size) in sizes.enumerated() {
            let share = rest / (sizes.count - index)
            if size > share { return max(0, share) }
            rest -= size
        }
        return Int.max
    }
}
