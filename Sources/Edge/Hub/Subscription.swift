import DequeModule

/// One reader's subscription to one channel: its offset, and the queue that it waits in.
final class Subscription {
    /// The queue of its channel that a subscription waits in.
    enum Place: UInt8 {
        case nowhere
        /// Until the channel is live.
        case unresolved
        /// Until the history that the ring no longer holds was loaded.
        case older
        /// Until there is news.
        case waiting
        /// For its turn: it has news.
        case ready
    }

    let channel: Channel
    /// A reference cycle, which the reader breaks by leaving.
    let subscriber: any Subscriber
    /// The offset that the reader asked for, replaced by its position once that is known.
    var offset: Offset
    /// Whether the reader asked for the beginning, and was told no position since. It has none to lose: the beginning is
    /// where the history begins when it is answered.
    private(set) var isFromBeginning: Bool
    /// The load of the channel that judges an offset that the ring has not seen: one that began after the reader came.
    /// Nil while none is needed.
    var judgedBy: Int?
    /// Set by ``Channel``: how many loads of older history had begun when it began to wait for one.
    var olderSince = 0
    /// Set by ``SubscriptionQueue``.
    var ticket = 0
    /// Set by ``Channel``.
    var place = Place.nowhere

    init(channel: Channel, subscriber: any Subscriber, offset: Offset) {
        self.channel = channel
        self.subscriber = subscriber
        self.offset = offset
        isFromBeginning = offset == .beginning
    }

    /// The reader knows this position: it was told it, or sent it.
    func knows(_ position: Position) {
        offset = .position(position)
        isFromBeginning = false
    }

    /// The position, once the offset was looked up; ``Position/nowhere`` before.
    var position: Position {
        if case .position(let position) = offset { position } else { .nowhere }
    }

    /// The number of events of the feed before the position; 0 before the offset was looked up.
    var sequence: Int64 {
        if case .position(let position) = offset { position.after } else { 0 }
    }
}

/// A reader of channels: a poll, or a stream of server-sent events.
protocol Subscriber: AnyObject {
    /// The subscription was taken out of its queue, because there may be something to read. Look it up, then answer or
    /// wait again.
    ///
    /// - Parameter ring: where to look: the channel's ring, or older history that was loaded for this subscription.
    func wake(_ subscription: Subscription, ring: Ring)
}

/// Waiting subscriptions, first in, first out. Any of them can be removed at any time. All operations take amortized
/// constant time.
///
/// An array with holes: a subscription's ticket tells its index. Holes are closed when there are many.
struct SubscriptionQueue {
    private var slots: Deque<Subscription?> = []
    /// The ticket of `slots[0]`.
    private var base = 0
    /// The number of subscriptions.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Appends a subscription and sets its ticket.
    mutating func append(_ subscription: Subscription) {
        subscription.ticket = base + slots.count
        slots.append(subscription)
        count += 1
    }

    /// Removes a subscription, which must be in this queue.
    mutating func remove(_ subscription: Subscription) {
        slots[subscription.ticket - base] = nil
        count -= 1
        compact()
    }

    /// The first subscription.
    mutating func first() -> Subscription? {
        while let slot = slots.first {
            if let subscription = slot { return subscription }
            slots.removeFirst()
            base += 1
        }
        return nil
    }

    /// All subscriptions, in order.
    var all: some Sequence<Subscription> { slots.lazy.compactMap(\.self) }

    mutating func popFirst() -> Subscription? {
        guard let subscription = first() else { return nil }
        remove(subscription)
        return subscription
    }

    private mutating func compact() {
        if count == 0 {
            base += slots.count
            slots.removeAll(keepingCapacity: slots.count < 64)
            return
        }
        guard slots.count >= 32, count * 2 < slots.count else { return }
        // New tickets begin after the old ones, so that none is used twice.
        base += slots.count
        slots.removeAll { $0 == nil }
        for (index, subscription) in slots.enumerated() { subscription?.ticket = base + index }
    }
}
