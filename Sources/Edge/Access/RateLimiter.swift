/// A token bucket in one number: the generic cell rate algorithm (ITU-T I.371, annex A). Pure; times in milliseconds.
///
/// A bucket of `burst` is full at first and fills again at the rate; who takes what is there goes on, who wants more waits.
struct RateLimiter {
    /// What one takes of the time.
    private let interval: Double
    /// What a full bucket holds.
    let burst: Int
    /// When the bucket is full again.
    private var full: Double = 0

    /// - Parameters:
    ///   - rate: how many in a time.
    ///   - burst: how many at once after a pause.
    init(_ rate: AccessOptions.Rate, burst: Int) {
        interval = Double(rate.milliseconds) / Double(rate.count)
        self.burst = burst
    }

    /// Takes so many, all or none.
    ///
    /// - Parameters:
    ///   - count: at most ``burst``: more would never be there.
    ///   - now: on a clock that never goes back.
    /// - Returns: nil when they were there, else how long to wait for them.
    mutating func take(_ count: Int, now: Int64) -> Int64? {
        let after = max(full, Double(now)) + interval * Double(count)
        let wait = after - Double(now) - interval * Double(burst)
        // A thousandth of a millisecond is no reason to send anybody away.
        guard wait <= 0.001 else { return Int64(wait.rounded(.up)) }
        full = after
        return nil
    }
}
