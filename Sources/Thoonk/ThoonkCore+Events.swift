internal import Events
internal import Redis

/// Following what happens. ``Subscriptions`` decides; this does what it says.
extension ThoonkCore {
    /// Follows these feeds, or all of them. See ``ThoonkClient/events(of:)``.
    func subscribe(to feeds: [String]?) async throws -> FeedEvents {
        guard state != .closing, state != .closed else { throw ThoonkError.isClosed }
        try connect()
        guard let link else { throw ThoonkError.isClosed }
        link.startSubscriber()
        let id = nextID()
        let queue = EventQueue(limit: options.eventBuffer)
        // From here on everything that is heard is kept, though the stream has not begun.
        streams[id] = EventSubscription(queue: queue, feeds: feeds.map { Set($0.map { Array($0.utf8) }) })
        let token = SubscriptionToken(core: self, id: id)
        let timer = Timer(on: link.loop) { [weak self] in
            self?.assumeIsolated { $0.begin(id, failure: $0.unreachable()) }
        }
        timer.schedule(after: max(1, options.connectTimeout.wholeMilliseconds))
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                streams[id]?.beginning = continuation
                apply(subscriptions.subscribe(id, EventTopic.topics(of: feeds)))
            }
        } onCancel: {
            Task { await self.begin(id, failure: nil) }
        }
        timer.cancel()
        try Task.checkCancellation()
        if let failure { throw failure }
        return FeedEvents(queue: queue, token: token)
    }

    func unsubscribe(_ id: UInt64) {
        streams.removeValue(forKey: id)?.queue.finish()
        apply(subscriptions.unsubscribe(id))
    }

    /// Ends every stream, at the client's end.
    func endStreams() {
        for (id, stream) in streams {
            stream.queue.finish()
            begin(id, failure: .isClosed)
        }
        streams = [:]
    }

    private func begin(_ id: UInt64, failure: ThoonkError?) {
        guard let beginning = streams[id]?.beginning else { return }
        streams[id]?.beginning = nil
        beginning.resume(returning: failure)
    }

    private func apply(_ actions: [Subscriptions.Action]) {
        for action in actions {
            switch action {
            case .subscribe(let topic): listen(to: topic)
            case .unsubscribe(let topic):
                guard let subscriber = link?.subscriber else { continue }
                if topic.isPattern {
                    subscriber.unsubscribe(pattern: topic.text)
                } else {
                    subscriber.unsubscribe(topic.text)
                }
            case .begin(let id): begin(id, failure: nil)
            case .missed(let id): streams[id]?.queue.offerReconnected()
            }
        }
    }

    private func listen(to topic: EventTopic) {
        guard let subscriber = link?.subscriber else { return }
        let handler = TopicHandler(
            onConfirmed: { [weak self] in self?.assumeIsolated { $0.apply($0.subscriptions.confirmed(topic)) } },
            onMessage: { [weak self] channel, payload in
                self?.assumeIsolated { $0.announced(channel, payload, on: topic) }
            },
            onLost: { [weak self] in self?.assumeIsolated { $0.subscriptions.lost(topic) } })
        if topic.isPattern {
            subscriber.subscribe(pattern: topic.text, handler: handler)
        } else {
            subscriber.subscribe(topic.text, handler: handler)
        }
    }

    private func announced(_ channel: String, _ payload: [UInt8], on topic: EventTopic) {
        guard let event = FeedEvent(channel: channel, payload: payload) else { return }
        for id in subscriptions.subscribers(of: topic) {
            if let stream = streams[id], stream.wants(event) { stream.queue.offer(event) }
        }
    }
}

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

/// What the subscriber calls for one topic. Lives on the client's loop.
final class TopicHandler: RedisSubscriberHandler {
    private let onConfirmed: () -> Void
    private let onMessage: (String, [UInt8]) -> Void
    private let onLost: () -> Void

    init(
        onConfirmed: @escaping () -> Void, onMessage: @escaping (String, [UInt8]) -> Void, onLost: @escaping () -> Void
    ) {
        self.onConfirmed = onConfirmed
        self.onMessage = onMessage
        self.onLost = onLost
    }

    func subscriptionConfirmed(_ channel: String) { onConfirmed() }
    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) { onMessage(channel, payload) }
    func subscriptionLost(_ channel: String) { onLost() }
}
