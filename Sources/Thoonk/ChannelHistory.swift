/// What is kept of a channel, read in one step.
public struct ChannelHistory: Sendable {
    public struct Item: Sendable {
        public let sequence: Int64
        public let event: [UInt8]

        public init(sequence: Int64, event: [UInt8]) {
            self.sequence = sequence
            self.event = event
        }
    }

    /// Changes when the server may have lost events. Offsets of another epoch mean nothing.
    public let epoch: Int64
    /// When the feed was created, in milliseconds since 1970; 0 when it does not exist.
    public let born: Int64
    /// The newest sequence number ever given out; 0 when the feed does not exist.
    public let last: Int64
    /// How many events the feed keeps.
    public let capacity: Int64
    /// The oldest sequence number that is kept; 0 when none is.
    public let first: Int64
    /// Ascending. A sequence number that is missing inside was retracted.
    public let items: [Item]

    public init(epoch: Int64, born: Int64, last: Int64, capacity: Int64, first: Int64, items: [Item]) {
        self.epoch = epoch
        self.born = born
        self.last = last
        self.capacity = capacity
        self.first = first
        self.items = items
    }
}
