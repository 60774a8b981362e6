import DequeModule

/// Loads of histories: so many at once, the others in the order in which they came.
final class LoadQueue {
    /// How many loads are under way at once.
    private var limit: Int
    private let metrics: EdgeMetrics
    /// Loads that wait for others to finish.
    private var waiting: Deque<() -> Void> = []
    private var underWay = 0
    private var isStarting = false

    init(limits: EdgeLimits, metrics: EdgeMetrics) {
        limit = limits.loadsAtOnce
        self.metrics = metrics
    }

    /// Applies a new limit to loads that begin from now on.
    func adopt(limits: EdgeLimits) {
        limit = limits.loadsAtOnce
        start()
    }

    /// Begins a load, now or when others have ended. The caller says when it has, by ``ended()``.
    func append(_ load: @escaping () -> Void) {
        if underWay >= limit { metrics.reached(.loadsAtOnce) }
        waiting.append(load)
        start()
    }

    /// A load has ended.
    func ended() {
        underWay -= 1
        start()
    }

    private func start() {
        // A load may end before it returns. Then this loop continues, instead of a nested one.
        guard !isStarting else { return }
        isStarting = true
        defer { isStarting = false }
        while underWay < limit, let load = waiting.popFirst() {
            underWay += 1
            load()
        }
    }
}
