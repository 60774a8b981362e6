/// A feed at one moment: its four keys, read in one transaction.
struct FeedFacts {
    /// As Thoonk names it; a channel's feed is the channel in braces.
    var name: String
    /// Whether it stands in `feeds`.
    var isListed = true
    /// `type` in its configuration: `feed`, or another kind of Thoonk; nil: no configuration.
    var type: String?
    var maxLength: Int64?
    /// How long it stays when idle, in ms; nil: for ever.
    var lifetime: Int64?
    /// When it was made, in ms; only Tidings writes it.
    var born: Int64?
    /// The last sequence number given; nil: no such key.
    var publishes: Int64?
    var idCount: Int64 = 0
    var itemCount: Int64 = 0
    /// The lowest and highest id, and the time of the newest in ms; nil when there is none, or it is no number.
    var oldest: Int64?
    var newest: Int64?
    var newestTime: Double?
    /// Ids that have no item, items that have no id, and numbers in between that have neither; looked for when the counts
    /// do not fit.
    var idsWithoutItem: [String] = []
    var itemsWithoutID: [String] = []
    var holes: [Int64] = []

    /// Whether Tidings made it: only then are its ids dense.
    var isChannel: Bool { type == "feed" && born != nil && name.hasPrefix("{") && name.hasSuffix("}") }
    /// Whether nothing of it is there.
    var isEmpty: Bool { type == nil && publishes == nil && idCount == 0 && itemCount == 0 }
    /// Whether the counts, or the ends, show that ids or items may be missing.
    var isUneven: Bool {
        guard isChannel else { return false }
        if idCount != itemCount { return true }
        guard let oldest, let newest else { return idCount > 0 }
        return newest - oldest + 1 != idCount || newest != publishes ?? 0
    }
}
