/// A moment on the monotonic clock at which something must be done.
public struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    /// The moment `seconds` from now.
    public init(in seconds: Double) {
        instant = .now + .seconds(seconds)
    }

    public var isOver: Bool { remaining <= 0 }

    /// The seconds that are left; never negative.
    public var remaining: Double {
        let left = ContinuousClock.now.duration(to: instant)
        return max(0, left / .seconds(1))
    }

    /// What is left as poll(2) wants it: whole milliseconds, rounded up, at most `limit`.
    func pollTimeout(atMost limit: Double) -> Int32 {
        Int32(min(remaining, limit) * 1000 + 1)
    }
}
