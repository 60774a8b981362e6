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

/// A channel's name as what it is found by: two names are the same when their bytes are. What `==` of two strings takes
/// for the same may be two channels to Redis.
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

/// What an edge knows of one channel, and what it must do next: subscribe, load the history, follow. Pure.
///
/// subscribing → (confirmed) loading → (loaded) live. Announcements that come while the history is loaded are kept and
/// merged by sequence number afterwards, so nothing falls between. A gap, a contradiction or a new confirmation of the
/// subscription loads again; a history that was asked for before that counts for nothing.
///
/// When a history shows that the feed is another than it was (deleted and made anew), announcements of the old one may
/// still be on their way, with numbers that would fit the new one: the machine subscribes once more and takes only what
/// is announced after that is confirmed.
struct ChannelMachine {
    enum State: Equatable {
        /// No subscription is in force: not yet, or not any more.
        case subscribing
        /// The history is on its way. With `failed`, it waits to be asked for again.
        case loading(failed: Bool)
        /// Everything up to `ring.last` is known.
        case live
    }

    enum Input {
        case confirmed
        case lost
        /// What was loaded, or is on its way, may be of a former life of the server.
        case renewed
        case announced(sequence: Int64, event: [UInt8])
        case loaded(generation: Int, History)
        case failed(generation: Int)
        /// The pause after a failure is over.
        case retry
    }

    /// What the owner must do; several things at once.
    struct Actions: Equatable {
        /// Load what is kept after this sequence number, and give the answer back with this generation.
        var load: Load?
        /// Give ``Input/retry`` after a pause.
        var retryLater = false
        /// There is news for readers.
        var deliver = false
        /// Every reader's position must be looked at anew: the feed is another than it was.
        var reset = false
        /// Subscribe again; the confirmation parts what is announced after it from what was on its way.
        var resubscribe = false

        struct Load: Equatable {
            var generation: Int
            var after: Int64
        }
    }

    private(set) var state = State.subscribing
    let ring: Ring
    private var generation = 0
    private var requestedAfter: Int64 = 0
    /// The history was asked for because of a confirmation: nothing older than that is on its way.
    private var followsConfirmation = false
    private var early: [(sequence: Int64, event: [UInt8])] = []
    /// Announcements came that were too many to keep: load once more.
    private var overflowed = false
    private var earlyLimit: Int

    init(limits: EdgeLimits, budget: RingBudget = RingBudget()) {
        ring = Ring(limits: limits, budget: budget)
        earlyLimit = limits.ringEvents
    }

    /// Takes other limits.
    mutating func adopt(limits: EdgeLimits) {
        ring.adopt(limits: limits)
        earlyLimit = limits.ringEvents
    }

    var isLive: Bool { state == .live }

    mutating func handle(_ input: Input) -> Actions {
        switch input {
        case .confirmed:
            followsConfirmation = true
            return load()
        case .lost:
            state = .subscribing
            early = []
            return Actions()
        case .renewed:
            return state == .subscribing ? Actions() : load()
        case .announced(let sequence, let event):
            return announced(sequence, event)
        case .loaded(let answered, let history):
            guard answered == generation, state == .loading(failed: false) else { return Actions() }
            return loaded(history)
        case .failed(let answered):
            guard answered == generation, state == .loading(failed: false) else { return Actions() }
            state = .loading(failed: true)
            return Actions(retryLater: true)
        case .retry:
            guard state == .loading(failed: true) else { return Actions() }
            return load()
        }
    }

    /// Asks for the history. What was announced before this moment is in it.
    private mutating func load(whole: Bool = false) -> Actions {
        generation += 1
        state = .loading(failed: false)
        early = []
        overflowed = false
        requestedAfter = whole || ring.identity == nil ? 0 : ring.last
        return Actions(load: Actions.Load(generation: generation, after: requestedAfter))
    }

    private mutating func announced(_ sequence: Int64, _ event: [UInt8]) -> Actions {
        switch state {
        case .subscribing:
            return Actions()
        case .loading:
            if early.count >= earlyLimit {
                early = []
                overflowed = true
            }
            if !overflowed { early.append((sequence, event)) }
            return Actions()
        case .live:
            switch ring.offer(sequence, event) {
            case .appended: return Actions(deliver: true)
            case .duplicate: return Actions()
            case .gap: return load()
            case .suspect: return load(whole: true)
            }
        }
    }

    private mutating func loaded(_ history: History) -> Actions {
        var reset = false
        if ring.contradicts(history) {
            if requestedAfter > 0 { return load(whole: true) }
            reset = ring.identity != nil
            // A server that has started anew has cut the line: nothing of its former life is on its way.
            let isCut = followsConfirmation && ring.identity?.epoch != history.epoch
            ring.replace(with: history)
            if reset, !isCut {
                state = .subscribing
                early = []
                return Actions(reset: true, resubscribe: true)
            }
        } else if requestedAfter == 0 {
            // All was asked for and nothing is contradicted: the same feed, perhaps further.
            ring.replace(with: history)
        } else {
            ring.merge(history)
        }
        state = .live
        followsConfirmation = false
        var actions = Actions(deliver: true, reset: reset)
        var again = overflowed
        var whole = false
        for (sequence, event) in early where !again {
            switch ring.offer(sequence, event) {
            case .appended, .duplicate: break
            case .gap: again = true
            case .suspect: (again, whole) = (true, true)
            }
        }
        early = []
        if again { actions.load = load(whole: whole).load }
        return actions
    }
}

/// Channels without readers, the longest idle first, each of which can have one again at any time. Constant time for all
/// of it; an array with holes, as ``SubscriptionQueue`` is one.
struct IdleQueue {
    private var slots: [Channel?] = []
    private var head = 0
    /// How many channels there are.
    private(set) var count = 0

    /// Appends a channel that is not listed.
    mutating func append(_ channel: Channel) {
        channel.idleTicket = slots.count
        slots.append(channel)
        count += 1
    }

    /// Takes a channel out. Harmless when it is not listed.
    mutating func remove(_ channel: Channel) {
        guard channel.idleTicket >= 0 else { return }
        slots[channel.idleTicket] = nil
        channel.idleTicket = -1
        count -= 1
        compact()
    }

    /// The channel that has had no reader for the longest time.
    mutating func first() -> Channel? {
        while head < slots.count {
            if let channel = slots[head] { return channel }
            head += 1
        }
        return nil
    }

    private mutating func compact() {
        guard slots.count >= 32, count * 2 < slots.count else { return }
        slots.removeAll { $0 == nil }
        head = 0
        for (index, channel) in slots.enumerated() { channel?.idleTicket = index }
    }
}
