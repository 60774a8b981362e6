/// Tasks that wait until there is a connection, each until its own deadline. Decides nothing else.
struct ParkedTasks {
    typealias Continuation = CheckedContinuation<ThoonkError?, Never>

    private var tasks: [UInt64: (deadline: Int64, continuation: Continuation)] = [:]

    /// The nearest deadline, in ms of the monotonic clock.
    var nearest: Int64? { tasks.values.lazy.map(\.deadline).min() }

    var isEmpty: Bool { tasks.isEmpty }

    mutating func insert(_ id: UInt64, until deadline: Int64, _ continuation: Continuation) {
        tasks[id] = (deadline, continuation)
    }

    mutating func remove(_ id: UInt64) -> Continuation? {
        tasks.removeValue(forKey: id)?.continuation
    }

    /// Those whose time is over.
    mutating func removeExpired(at now: Int64) -> [Continuation] {
        let expired = tasks.filter { $0.value.deadline <= now }
        for id in expired.keys { tasks[id] = nil }
        return expired.values.map(\.continuation)
    }

    /// All, those first that came first.
    mutating func removeAll() -> [Continuation] {
        defer { tasks = [:] }
        return tasks.sorted { $0.key < $1.key }.map(\.value.continuation)
    }
}
