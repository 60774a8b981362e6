import Console

/// The feeds that were looked at.
struct FeedsFacts {
    var feeds: [FeedFacts] = []
    /// How many there are in `feeds`.
    var listed: Int64 = 0
    /// Keys of feeds with another type than they should have.
    var foreignKeys: [PipelineFacts.ForeignKey] = []
    /// The server's clock, in ms since 1970.
    var time: Int64 = 0

    /// "all 12 feeds", "1,000 of 52,310 feeds".
    var scope: String {
        let looked = feeds.lazy.filter(\.isListed).count
        let there = Text.grouped(Int(listed))
        return looked >= listed ? "all \(there) feeds" : "\(Text.grouped(looked)) of \(there) feeds"
    }
}
