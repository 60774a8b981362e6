/// How many jobs of a feed are where.
public struct JobCounts: Sendable, Equatable {
    public let waiting: Int
    public let claimed: Int
    public let stalled: Int
    /// Those that maintenance has found in no list and not yet put back.
    public let missing: Int
    /// All that are not finished.
    public let items: Int
    /// Ever put.
    public let publishes: Int
    /// Ever finished.
    public let finishes: Int

    public init(
        waiting: Int, claimed: Int, stalled: Int, missing: Int, items: Int, publishes: Int, finishes: Int
    ) {
        self.waiting = waiting
        self.claimed = claimed
        self.stalled = stalled
        self.missing = missing
        self.items = items
        self.publishes = publishes
        self.finishes = finishes
    }
}
