/// A stream of events as the client knows it.
struct EventSubscription {
    let queue: EventQueue
    /// The bytes of the names of the feeds that it is about; nil: all.
    let feeds: Set<[UInt8]>?
    /// Whoever waits for the subscriptions to stand.
    var beginning: CheckedContinuation<ThoonkError?, Never>?

    func wants(_ event: FeedEvent) -> Bool {
        guard let feeds, let feed = event.feed else { return true }
        return feeds.contains(Array(feed.utf8))
    }
}
