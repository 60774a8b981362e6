/// Exponential backoff with jitter: the upper bound of the wait doubles from `base` to `limit`, and each wait is drawn
/// uniformly between half of it and all of it, so that clients do not reconnect to a restarted server at the same
/// moment. There is no last attempt.
public struct Backoff: Sendable {
    /// The upper bound of the first wait, in milliseconds.
    public let base: Int64
    /// The longest wait, in milliseconds.
    public let limit: Int64
    /// How many attempts have failed in a row.
    public private(set) var failures = 0

    public init(base: Int64 = 50, limit: Int64 = 2000) {
        self.base = base
        self.limit = limit
    }

    /// Counts a failure and returns the wait before the next attempt, in milliseconds.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Int64 {
        let ceiling = min(limit, base << Int64(min(failures, 20)))
        failures += 1
        return Int64.random(in: (ceiling / 2)...max(ceiling, 1), using: &generator)
    }

    /// Resets the wait to `base` after a success.
    public mutating func reset() {
        failures = 0
    }
}
