internal import Events
internal import Redis

/// Streams of events. ``Subscriptions`` decides; this extension performs its actions.
extension ThoonkCore {
    /// Subscribes to these feeds, or to all. See ``ThoonkClient/events(of:)``.
    func subscribe(to feeds: [String]?) async throws -> FeedEvents {
        guard state != .closing, state != .closed else { throw ThoonkError.isClosed }
        try connect()
        guard let link else { throw ThoonkError.isClosed }
        link.startSubscriber()
        let id = nextID()
        let queue = EventQueue(limit: options.eventBuffer)
        // Events are kept from here on, before the subscription is confirmed.
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

    /// Ends every stream when the client is closed.
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

/// The client's side of a ``FeedEvents``.
struct EventSubscription {
    let queue: EventQueue
    /// The names of the feeds, as bytes; nil: all feeds.
    let feeds: Set<[UInt8]>?
    /// The task that waits until all topics are confirmed.
    var beginning: CheckedContinuation<ThoonkError?, Never>?

    func wants(_ event: FeedEvent) -> Bool {
        guard let feeds, let feed = event.feed else { return true }
        return feeds.contains(Array(feed.utf8))
    }
}

/// Receives what the subscriber reports of one topic. Used only on the client's loop.
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
