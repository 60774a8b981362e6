/// How a reader's offset stands to what a ring holds.
enum OffsetLookup: Equatable {
    /// The offset is good: this is the position it means, and whether there are events after it.
    case found(Position, hasNews: Bool)
    /// Before what the ring holds, or behind the part of a history that it holds; the feed may have it.
    case older
    /// Events between the offset and now are gone, or the offset belongs to another life of the feed.
    case lost
}
