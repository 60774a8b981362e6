/// One read of one channel: waits for what a reader asked for, and ends with one outcome. A subclass answers.
package class HubRead: Subscriber {
    /// What a read comes to.
    package enum Outcome {
        /// The events after a position, which may be none for a read that does not wait.
        ///
        /// - Parameter isEnd: whether the channel has no more.
        case events(EncodedBatch, after: Position, isEnd: Bool)
        /// There was no news until the deadline.
        case noNews(next: Position)
        /// Events after the position may be missing.
        case lost
        /// The channel was not loaded until the deadline.
        case unknown
    }

    let hub: Hub
    /// Whether the read waits for news.
    let isLive: Bool
    /// Whether the outcome reaches the end of a channel whose conversation is closed.
    private(set) var endsClosed = false
    private var subscription: Subscription?
    /// Whether the reader has a position of the channel: then it was told there that the channel is closed.
    private var hasPosition = true

    init(from hub: Hub, isLive: Bool) {
        self.hub = hub
        self.isLive = isLive
    }

    /// Whether there is no outcome yet.
    package var isPending: Bool { subscription != nil }

    /// Why the hub cannot serve now; nil when it can.
    package var trouble: String? { hub.trouble }

    /// Called once, with the outcome. The read has left the hub.
    func finished(_ outcome: Outcome) {}

    /// Subscribes to the channel. Then call ``begin()``.
    package func open(_ channel: String, from offset: Offset) throws(HTTPError) {
        if case .position = offset {} else { hasPosition = false }
        subscription = try hub.subscribe(channel, from: offset, by: self)
    }

    /// Finishes at once if that is possible.
    package func begin() {
        guard let subscription else { return }
        if isLive, hub.queueUp(subscription, lookup: hub.lookUp(subscription)) { return }
        evaluate(subscription, ring: subscription.channel.ring)
    }

    /// The deadline has passed: finishes with what there is.
    package func expire() {
        guard let subscription else { return }
        hub.dequeue(subscription)
        switch hub.lookUp(subscription) {
        case .found(let position, hasNews: false) where isLive: finish(subscription, withoutNewsAt: position)
        case .found(let position, _): finish(subscription, after: position, ring: subscription.channel.ring)
        case .lost: finish(subscription, .lost)
        case .older, .unseen, nil: finish(subscription, .unknown)
        }
    }

    /// Ends without an outcome.
    package func leave() {
        guard let subscription else { return }
        self.subscription = nil
        hub.leave(subscription)
    }

    func wake(_ subscription: Subscription, ring: Ring) {
        evaluate(subscription, ring: ring)
    }

    private func evaluate(_ subscription: Subscription, ring: Ring) {
        let isOwn = ring === subscription.channel.ring
        let lookup = hub.lookUp(subscription, ring: isOwn ? nil : ring)
        switch lookup {
        case .lost: finish(subscription, .lost)
        case .found(let position, let hasNews):
            if hasNews || !isLive { return finish(subscription, after: position, ring: ring) }
            if !isOwn {
                // The older history has no further events.
                subscription.offset = .position(ring.tail(from: position))
                return evaluate(subscription, ring: subscription.channel.ring)
            }
            // Nothing is to be waited for, as far as the reader knows.
            if ring.isClosed, !hasPosition { return finish(subscription, withoutNewsAt: position) }
            hub.wait(subscription, lookup: lookup)
        case .older, .unseen, nil: hub.wait(subscription, lookup: lookup)
        }
    }

    private func finish(_ subscription: Subscription, after start: Position, ring: Ring) {
        let batch = ring.batch(after: start.sequence)
        let isEnd = batch.reachesEnd && batch.next.sequence >= subscription.channel.ring.last
        endsClosed = isEnd && subscription.channel.ring.isClosed
        finish(subscription, .events(batch, after: start, isEnd: isEnd))
    }

    private func finish(_ subscription: Subscription, withoutNewsAt position: Position) {
        endsClosed = subscription.channel.ring.isClosed
        finish(subscription, .noNews(next: subscription.channel.ring.tail(from: position)))
    }

    /// Leaves before it answers: the answer may release the last reference to this object.
    private func finish(_ subscription: Subscription, _ outcome: Outcome) {
        self.subscription = nil
        hub.leave(subscription)
        finished(outcome)
    }
}

/// A read whose outcome goes to a closure: for readers in the same process, without HTTP.
package final class LocalRead: HubRead {
    private let completion: (Outcome) -> Void

    package init(from hub: Hub, isLive: Bool, completion: @escaping (Outcome) -> Void) {
        self.completion = completion
        super.init(from: hub, isLive: isLive)
    }

    override func finished(_ outcome: Outcome) {
        completion(outcome)
    }
}
