/// What a feed holds of a channel, read at one moment.
struct History: Equatable {
    struct Item: Equatable {
        var sequence: Int64
        var event: [UInt8]
    }

    /// Changes when the server may have lost events.
    var epoch: Int64
    /// When the feed was created; 0 when it does not exist.
    var born: Int64
    /// The newest sequence number ever given out; 0 when the feed does not exist.
    var last: Int64
    /// How many events the feed keeps; 0 when there is no bound, or it is not known.
    var capacity: Int64
    /// The oldest sequence number kept; 0 when none is.
    var first: Int64
    /// Ascending; a number missing inside was retracted. Not more than was asked for: then the newest, or of a part the
    /// oldest.
    var items: [Item]
    /// Whether `items` are all that is kept after the asked sequence number. A part that is not complete has items.
    var isComplete: Bool

    /// The lowest sequence number after which nothing was trimmed away: below it, events are lost.
    ///
    /// What is missing below the oldest kept event was either trimmed or retracted; only events older than the
    /// feed's capacity can have been trimmed.
    var floor: Int64 {
        let trimmed = capacity > 0 ? max(0, last - capacity) : 0
        let oldest = first > 0 ? first : items.first?.sequence ?? last + 1
        return capacity > 0 ? min(oldest - 1, trimmed) : oldest - 1
    }
}
