/// What the stage `publish` can be told.
public struct PublishOptions: Sendable {
    /// How many events a channel's feed keeps.
    public var historyEvents: Int
    /// How long a feed stays when nothing is published, in milliseconds.
    public var feedLifetime: Int64

    public init(historyEvents: Int = 100, feedLifetime: Int64 = 7 * 86_400_000) {
        self.historyEvents = historyEvents
        self.feedLifetime = feedLifetime
    }
}
