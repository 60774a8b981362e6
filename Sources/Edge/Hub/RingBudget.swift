/// What all rings of a process hold together, and how they must shrink when that is too much. Pure.
final class RingBudget {
    /// Bytes of all rings: events, what it costs to hold each, and the bodies made of them.
    private(set) var bytes = 0

    /// What an event costs beside its bytes.
    static let entryOverhead = 64

    private let metrics: EdgeMetrics

    /// - Parameter metrics: where it is counted that a ring came to a limit.
    init(metrics: EdgeMetrics = EdgeMetrics()) {
        self.metrics = metrics
    }

    /// A ring came to a limit of its own.
    func reached(_ limit: EdgeLimit) {
        metrics.reached(limit)
    }

    func add(_ difference: Int) {
        bytes += difference
    }

    /// The size that no ring may exceed so that all together have at most `target`: the largest give, the small ones keep
    /// what they have.
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
