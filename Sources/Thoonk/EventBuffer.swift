/// Events between the client and a consumer, at most `limit`. When it is full the newest are dropped, and the consumer
/// is told in their place.
struct EventBuffer {
    private var events: [FeedEvent] = []
    private var first = 0
    private var dropped = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    mutating func append(_ event: FeedEvent) {
        guard events.count - first < limit else {
            dropped += 1
            return
        }
        noteDropped()
        events.append(event)
    }

    /// Notes that the connection was lost; takes no room from events, and is noted once at one place.
    mutating func appendReconnected() {
        noteDropped()
        if events.count > first, events.last == .missed(.reconnected) { return }
        events.append(.missed(.reconnected))
    }

    mutating func popFirst() -> FeedEvent? {
        if first == events.count { noteDropped() }
        guard first < events.count else { return nil }
        defer {
            first += 1
            // Moved together now and then: each event is moved at most once on average.
            if first == events.count || first > 1024 && first > events.count / 2 {
                events.removeFirst(first)
                first = 0
            }
        }
        return events[first]
    }

    private mutating func noteDropped() {
        guard dropped > 0 else { return }
        events.append(.missed(.tooSlow(dropped: dropped)))
        dropped = 0
    }
}
