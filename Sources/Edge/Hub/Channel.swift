import DequeModule

/// One channel with a subscription to Redis: its state machine, its ring, and the readers that wait.
final class Channel {
    let name: String
    /// The channel's key in the hub.
    let key: ChannelKey
    var machine: ChannelMachine
    /// Readers whose offset was not looked up, since the channel is not live.
    private var unresolved = SubscriptionQueue()
    /// Readers that need older history than the ring holds.
    private var older = SubscriptionQueue()
    /// Readers without news, ordered by position: a later one is never behind an earlier one.
    private var waiting = SubscriptionQueue()
    /// Readers with news, in the order in which the news came: each is served before any is served again.
    private var ready = SubscriptionQueue()
    /// Whether the channel is queued for delivery in the hub.
    var isDelivering = false
    /// Whether older history is being loaded, and how many of these loads have begun.
    var isLoadingOlder = false
    private var olderLoads = 0
    /// The number of subscriptions, queued or not.
    var subscriptionCount = 0
    /// When the feed was last read into the ring, by the hub's clock.
    var loadedAt: Int64 = 0
    /// When the last reader left; nil while there are readers.
    var idleSince: Int64?
    /// Set by ``IdleQueue``; -1: not queued.
    var idleTicket = -1

    init(name: String, limits: EdgeLimits, budget: RingBudget = RingBudget()) {
        self.name = name
        key = ChannelKey(name)
        machine = ChannelMachine(limits: limits, budget: budget, conversation: Channel.conversation(of: name))
    }

    /// The conversation that a channel is about: the events of other channels come from many.
    static func conversation(of channel: String) -> [UInt8]? {
        let kind = "thread:".utf8
        return channel.utf8.starts(with: kind) ? Array(channel.utf8.dropFirst(kind.count)) : nil
    }

    var ring: Ring { machine.ring }

    /// Looks an offset up in the ring; nil while the channel is not live.
    func lookUp(_ offset: Offset) -> OffsetLookup? {
        machine.isLive ? ring.find(offset) : nil
    }

    /// Puts a subscription into a queue.
    func enqueue(_ subscription: Subscription, in place: Subscription.Place) {
        subscription.place = place
        switch place {
        case .nowhere: break
        case .unresolved:
            subscription.judgedBy = subscription.judgedBy ?? machine.nextLoad
            unresolved.append(subscription)
        case .older:
            subscription.olderSince = olderLoads
            older.append(subscription)
        case .waiting: waiting.append(subscription)
        case .ready: ready.append(subscription)
        }
    }

    /// Takes a subscription out of its queue.
    func dequeue(_ subscription: Subscription) {
        switch subscription.place {
        case .nowhere: break
        case .unresolved: unresolved.remove(subscription)
        case .older: older.remove(subscription)
        case .waiting: waiting.remove(subscription)
        case .ready: ready.remove(subscription)
        }
        subscription.place = .nowhere
    }

    /// Makes the waiting readers that have news ready.
    func promote() {
        while let subscription = waiting.first(), subscription.sequence < ring.newest {
            waiting.remove(subscription)
            enqueue(subscription, in: .ready)
        }
    }

    /// Gives the readers that wait for the first event the time at which the ring was read, where their own positions
    /// are good until then. An old position would not be good for ever.
    func advanceUnborn() {
        guard machine.isLive, ring.isUnborn else { return }
        for subscription in waiting.all {
            guard case .found(let position, _) = ring.find(subscription.offset) else { continue }
            subscription.offset = .position(position)
        }
    }

    /// Whether there are readers with news that were not served yet.
    var isBehind: Bool { !ready.isEmpty }

    /// Whether a reader can be woken now.
    var hasWork: Bool { !ready.isEmpty || machine.isLive && !unresolved.isEmpty }

    /// Removes and returns the next reader to wake.
    func nextToWake() -> Subscription? {
        guard let subscription = (machine.isLive ? unresolved.popFirst() : nil) ?? ready.popFirst() else { return nil }
        subscription.place = .nowhere
        return subscription
    }

    /// A load of older history begins: the sequence number after which the reader that has waited longest continues; nil
    /// when none waits.
    func startOfOlder() -> Int64? {
        olderLoads += 1
        return older.first()?.sequence
    }

    /// Removes and returns the readers whose offset is within this part of the history; the others keep their order.
    ///
    /// For a reader that came after its load had begun the feed may have gone on meanwhile: then the part may hold a text
    /// that was replaced or deleted before the reader came. It says nothing against such a reader in any case.
    func takeOlder(within part: Ring) -> [Subscription] {
        var taken: [Subscription] = []
        var others: [Subscription] = []
        while let subscription = older.popFirst() {
            let lookup = part.find(subscription.offset)
            let isLate = subscription.olderSince == olderLoads
            if lookup == .older || isLate && (lookup == .lost || ring.last > part.feedLast) {
                others.append(subscription)
            } else {
                subscription.place = .nowhere
                taken.append(subscription)
            }
        }
        for subscription in others { older.append(subscription) }
        return taken
    }

    var needsOlder: Bool { !older.isEmpty }

    /// The feed was recreated: look up the offsets of all waiting readers again.
    func requeueUnresolved() {
        while let subscription = ready.popFirst() ?? waiting.popFirst() { enqueue(subscription, in: .unresolved) }
    }
}

/// The key of a channel: compares names byte by byte. Strings that are equal by `==` may be two channels to Redis.
struct ChannelKey: Hashable {
    let name: String

    init(_ name: String) {
        self.name = name
    }

    static func == (lhs: ChannelKey, rhs: ChannelKey) -> Bool {
        lhs.name.utf8.span.equals(rhs.name)
    }

    func hash(into hasher: inout Hasher) {
        let isDone: Void? = name.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { for byte in name.utf8 { hasher.combine(byte) } }
    }
}

/// Channels without readers, the longest idle first. Any of them can be removed at any time. All operations take
/// amortized constant time.
///
/// An array with holes, like ``SubscriptionQueue``.
struct IdleQueue {
    private var slots: Deque<Channel?> = []
    /// The ticket of `slots[0]`.
    private var base = 0
    /// The number of channels.
    private(set) var count = 0

    /// Appends a channel that is not in the queue.
    mutating func append(_ channel: Channel) {
        channel.idleTicket = base + slots.count
        slots.append(channel)
        count += 1
    }

    /// Removes a channel. Does nothing when it is not in the queue.
    mutating func remove(_ channel: Channel) {
        guard channel.idleTicket >= 0 else { return }
        slots[channel.idleTicket - base] = nil
        channel.idleTicket = -1
        count -= 1
        compact()
    }

    /// The channel that has been idle longest.
    mutating func first() -> Channel? {
        while let slot = slots.first {
            if let channel = slot { return channel }
            slots.removeFirst()
            base += 1
        }
        return nil
    }

    private mutating func compact() {
        guard slots.count >= 32, count * 2 < slots.count else { return }
        slots.removeAll { $0 == nil }
        for (index, channel) in slots.enumerated() { channel?.idleTicket = base + index }
    }
}
