/// What a poll and a stream over many channels have in common: a watch on each, some of which may have lost their place, or
/// stand before what the ring holds.
protocol MultiSubscriber: Subscriber {
    var services: EdgeServices { get }
    var subscriptions: [Subscription] { get set }
    /// Watches that had to begin anew and whose reader was not told yet.
    var lost: Set<ObjectIdentifier> { get set }
    /// Histories, or parts of them, that were loaded for watches whose ring no longer holds what they ask for.
    var older: [ObjectIdentifier: Ring] { get set }
}

extension MultiSubscriber {
    /// Begins to watch all channels, or none.
    func open(_ items: [Request.PollQuery.Item]) throws(HTTPError) {
        subscriptions.reserveCapacity(items.count)
        for item in items {
            do throws(HTTPError) {
                subscriptions.append(try services.hub.subscribe(item.channel, from: item.offset, by: self))
            } catch {
                leaveAll()
                throw error
            }
        }
    }

    /// Takes note of what a watch was woken with.
    func note(_ subscription: Subscription, ring: Ring) {
        if ring !== subscription.channel.ring { older[ObjectIdentifier(subscription)] = ring }
    }

    /// Where each watch stands, in their order; nil where that is not known now. A watch that has lost its place begins at
    /// the oldest event kept.
    func lookUp() -> [ChannelShare?] {
        subscriptions.map { subscription in
            let id = ObjectIdentifier(subscription)
            if let ring = older[id] {
                let share = share(of: subscription, in: ring)
                if let share, share.hasNews || share.isReset { return share }
                older[id] = nil
                // A history that holds nothing more. Who stands behind a part of one is looked at anew.
                if share != nil { subscription.offset = .position(ring.tail) }
            }
            return share(of: subscription, in: nil)
        }
    }

    /// - Parameter ring: an older history; nil for the channel's ring.
    private func share(of subscription: Subscription, in ring: Ring?) -> ChannelShare? {
        var lookup = services.hub.lookUp(subscription, ring: ring)
        if lookup == .lost {
            services.metrics.positionsLost += 1
            lost.insert(ObjectIdentifier(subscription))
            subscription.offset = .beginning
            lookup = services.hub.lookUp(subscription, ring: ring)
        }
        guard case .found(let position, let hasNews) = lookup else { return nil }
        return ChannelShare(
            subscription: subscription, position: position, ring: ring ?? subscription.channel.ring, hasNews: hasNews,
            isReset: lost.contains(ObjectIdentifier(subscription)))
    }

    /// Lets every watch wait for more that is in no queue. Waiting can be over at once, and with it the reader.
    func waitForMore() {
        for subscription in subscriptions where subscription.place == .nowhere {
            guard !subscriptions.isEmpty else { return }
            // What is at hand already waits for the others, not for more.
            if older[ObjectIdentifier(subscription)] != nil { continue }
            let lookup = services.hub.lookUp(subscription)
            if case .found(_, hasNews: true) = lookup { continue }
            services.hub.wait(subscription, lookup: lookup)
        }
    }

    func leaveAll() {
        for subscription in subscriptions { services.hub.leave(subscription) }
        subscriptions = []
    }
}
