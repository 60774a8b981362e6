/// A channel, or a pattern of channels, that a client subscribes to. Told apart by bytes: to Redis two spellings of an é
/// are two channels.
struct EventTopic: Hashable, Sendable {
    let name: [UInt8]
    let isPattern: Bool

    var text: String { String(decoding: name, as: UTF8.self) }

    private static let ofFeeds = ["feed.publish", "feed.edit", "feed.retract", "feed.position", "job.finish"]
    private static let ofAll = ["newfeed", "delfeed", "conffeed"]

    /// What is to be heard to follow these feeds; nil: all feeds, also those that are yet to be made.
    static func topics(of feeds: [String]?) -> [EventTopic] {
        let common = ofAll.map { EventTopic(name: Array($0.utf8), isPattern: false) }
        guard let feeds else {
            return common + ofFeeds.map { EventTopic(name: Array("\($0):*".utf8), isPattern: true) }
        }
        return common
            + feeds.flatMap { feed in
                ofFeeds.map { EventTopic(name: Array("\($0):\(feed)".utf8), isPattern: false) }
            }
    }
}
