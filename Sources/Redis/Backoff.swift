/// How long to wait before the next attempt: doubling from `base` up to `limit`, each wait drawn evenly between half of
/// that and all of it, so that many clients of a server that comes back do not arrive at once. Never gives up.
public struct Backoff: Sendable {
    /// The first wait's upper end, in milliseconds.
    public let base: Int64
    /// No wait is longer, in milliseconds.
    public let limit: Int64
    /// Attempts that have failed in a row.
    public private(set) var failures = 0

    public init(base: Int64 = 50, limit: Int64 = 2000) {
        self.base = base
        self.limit = limit
    }

    /// Counts a failure and gives the wait before the next attempt, in milliseconds.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Int64 {
        let ceiling = min(limit, base << Int64(min(failures, 20)))
        failures += 1
        return Int64.random(in: (ceiling / 2)...max(ceiling, 1), using: &generator)
    }

    /// An attempt succeeded: the next failure waits `base` again.
    public mutating func reset() {
        failures = 0
    }
}
