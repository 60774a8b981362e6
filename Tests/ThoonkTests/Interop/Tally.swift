import Synchronization

/// Counts how often something happened, from any thread.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }

    var all: [String: Int] { counts.withLock { $0 } }

    /// Whether something happened to each of these once, and to nothing else.
    func isOnce(_ names: [String]) -> Bool {
        let all = all
        return all.count == names.count && names.allSatisfy { all[$0] == 1 }
    }
}
