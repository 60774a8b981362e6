/// One watched channel: its machine, its ring, and the readers that wait.
final class Channel {
    let name: String
    /// What it is found by.
    let key: ChannelKey
    var machine: ChannelMachine
    /// Readers whose offset was not looked at, since the channel is not live.
    private var unresolved = SubscriptionQueue()
    /// Readers that need an older history than the ring holds.
    private var older = SubscriptionQueue()
    /// Readers with nothing to read, in the order of their positions: who came later stands further on.
    private var waiting = SubscriptionQueue()
    /// Readers with something to read, in the order in which there was something for them: each has its turn before any
    /// has its next.
    private var ready = SubscriptionQueue()
    /// Whether it has its turn in the hub's deliveries.
    var isDelivering = false
    /// Whether an older history is on its way.
    var isLoadingOlder = false
    /// How many watches there are, in a queue or not.
    var subscriptionCount = 0
    /// When the last reader left, while there is none.
    var idleSince: Int64?
    /// Set by the queue of channels without readers; -1: it is not there.
    var idleTicket = -1

    init(name: String, limits: EdgeLimits, budget: RingBudget = RingBudget()) {
        self.name = name
        key = ChannelKey(name)
        machine = ChannelMachine(limits: limits, budget: budget)
    }

    var ring: Ring { machine.ring }

    /// How an offset stands now; nil while that is not known.
    func lookUp(_ offset: Offset) -> OffsetLookup? {
        machine.isLive ? ring.find(offset) : nil
    }

    /// Lets a watch wait in a queue.
    func enqueue(_ subscription: Subscription, in place: Subscription.Place) {
        subscription.place = place
        switch place {
        case .nowhere: break
        case .unresolved: unresolved.append(subscription)
        case .older: older.append(subscription)
        case .waiting: waiting.append(subscription)
        case .ready: ready.append(subscription)
        }
    }

    /// Takes a watch out of the queue that it is in.
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

    /// There is news: those who wait for it have their turn now.
    func promote() {
        while let subscription = waiting.first(), subscription.sequence < ring.newest {
            waiting.remove(subscription)
            enqueue(subscription, in: .ready)
        }
    }

    /// Whether readers have waited for their turn and not had it.
    var isBehind: Bool { !ready.isEmpty }

    /// Whether someone can be woken now.
    var hasWork: Bool { !ready.isEmpty || machine.isLive && !unresolved.isEmpty }

    /// Takes out the next reader to wake.
    func nextToWake() -> Subscription? {
        guard let subscription = (machine.isLive ? unresolved.popFirst() : nil) ?? ready.popFirst() else { return nil }
        subscription.place = .nowhere
        return subscription
    }

    /// After which sequence number the reader that has waited for an older history for the longest time goes on; nil when
    /// none waits.
    func startOfOlder() -> Int64? { older.first()?.sequence }

    /// Takes out the readers who wait for an older history and stand within this part of it; the others keep their order.
    func takeOlder(within part: Ring) -> [Subscription] {
        var taken: [Subscription] = []
        var others: [Subscription] = []
        while let subscription = older.popFirst() {
            if part.find(subscription.offset) == .older {
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

    /// The feed is another than it was: whoever waits must be looked at anew.
    func unsettle() {
        while let subscription = ready.popFirst() ?? waiting.popFirst() { enqueue(subscription, in: .unresolved) }
    }
}
