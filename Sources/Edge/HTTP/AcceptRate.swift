/// How many new connections are taken in a second: a bucket that fills evenly and holds a tenth of a second. Pure.
struct AcceptRate {
    private var perSecond: Double
    private var capacity: Double { max(1, perSecond / 10) }
    private var tokens: Double
    private var filled: Int64

    /// - Parameters:
    ///   - perSecond: 0: any number.
    ///   - now: monotonic, in milliseconds.
    init(perSecond: Int, now: Int64) {
        self.perSecond = Double(perSecond)
        tokens = max(1, Double(perSecond) / 10)
        filled = now
    }

    /// From now on so many. What has been saved up stays, as far as it may be saved up then.
    mutating func change(perSecond: Int) {
        if self.perSecond == 0 { tokens = .infinity }
        self.perSecond = Double(perSecond)
        tokens = min(tokens, capacity)
    }

    /// In how many milliseconds a connection may be taken; 0: now.
    mutating func wait(now: Int64) -> Int64 {
        guard perSecond > 0 else { return 0 }
        tokens = min(capacity, tokens + Double(max(0, now - filled)) * perSecond / 1000)
        filled = now
        return tokens >= 1 ? 0 : max(1, Int64(((1 - tokens) * 1000 / perSecond).rounded(.up)))
    }

    /// A connection was taken.
    mutating func take() {
        if perSecond > 0 { tokens -= 1 }
    }
}
