/// One reader's interest in one channel: where it stands, and where it waits.
final class Subscription {
    /// In which of its channel's queues a watch is.
    enum Place: UInt8 {
        case nowhere
        /// Until the channel is live.
        case unresolved
        /// Until the feed was asked for what the ring no longer holds.
        case older
        /// Until there is news.
        case waiting
        /// For its turn: there is news for it.
        case ready
    }

    let channel: Channel
    /// Held, and holding this: a reader that leaves lets go.
    let subscriber: any Subscriber
    /// What the reader asked for, and what that turned out to mean.
    var offset: Offset
    /// Set by the queue.
    var ticket = 0
    /// Set by the channel.
    var place = Place.nowhere

    init(channel: Channel, subscriber: any Subscriber, offset: Offset) {
        self.channel = channel
        self.subscriber = subscriber
        self.offset = offset
    }

    /// The place of a watch that was found in a ring; ``Position/nowhere`` until then.
    var position: Position {
        if case .position(let position) = offset { position } else { .nowhere }
    }

    /// The sequence number of a watch that was found in the ring.
    var sequence: Int64 {
        if case .position(let position) = offset { position.sequence } else { 0 }
    }
}

/// Someone who reads channels: a poll, or a stream of server-sent events.
protocol Subscriber: AnyObject {
    /// A watch has left its queue, because there may be something for it. Look, then answer or wait again.
    ///
    /// - Parameter ring: what to look at: the channel's ring, or an older history that was loaded for this watch.
    func wake(_ subscription: Subscription, ring: Ring)
}

/// Readers that wait, first come first served, each of which can leave at any time. Constant time for all of it.
///
/// An array with holes: a watch knows its ticket, and the ticket tells its place. Holes are closed when they are many.
struct SubscriptionQueue {
    private var slots: [Subscription?] = []
    /// The ticket of `slots[0]`.
    private var base = 0
    private var head = 0
    /// How many wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Appends a watch and gives it its ticket.
    mutating func append(_ subscription: Subscription) {
        subscription.ticket = base + slots.count
        slots.append(subscription)
        count += 1
    }

    /// Takes a watch out. It must be in this queue.
    mutating func remove(_ subscription: Subscription) {
        slots[subscription.ticket - base] = nil
        count -= 1
        compact()
    }

    /// The first that waits.
    mutating func first() -> Subscription? {
        while head < slots.count {
            if let subscription = slots[head] { return subscription }
            head += 1
        }
        compact()
        return nil
    }

    mutating func popFirst() -> Subscription? {
        guard let subscription = first() else { return nil }
        remove(subscription)
        return subscription
    }

    private mutating func compact() {
        if count == 0 {
            base += slots.count
            slots.removeAll(keepingCapacity: slots.count < 64)
            head = 0
            return
        }
        guard slots.count >= 32, count * 2 < slots.count else { return }
        // New tickets begin where the old ones end, so that no two watches ever had the same one.
        base += slots.count
        slots = slots.filter { $0 != nil }
        head = 0
        for (index, subscription) in slots.enumerated() { subscription?.ticket = base + index }
    }
}
