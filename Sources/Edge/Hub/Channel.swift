import DequeModule
import Store

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

/// The state machine of one channel: subscribe, load the history, follow. Pure.
///
/// subscribing → (confirmed) loading → (loaded) live. Announcements that arrive while the history is loaded are kept
/// and merged by sequence number afterwards, so no event is missed. A gap, a contradiction or a new confirmation loads
/// again; the result of an earlier load is then ignored.
///
/// When a history shows that the feed was deleted and recreated, announcements of the old feed may still be in flight,
/// with sequence numbers that would fit the new one. The machine then subscribes again and ignores announcements until
/// that is confirmed.
struct ChannelMachine {
    enum State: Equatable {
        /// Not subscribed, or not any more.
        case subscribing
        /// The history is being loaded. With `failed`, it waits to be requested again.
        case loading(failed: Bool)
        /// Everything up to `ring.last` is known.
        case live
    }

    enum Input {
        case confirmed
        case lost
        /// What was loaded, or is being loaded, may be of an earlier epoch, or lack an announcement.
        case renewed
        case announced(sequence: Int64, event: [UInt8])
        case loaded(generation: Int, ChannelHistory)
        case failed(generation: Int)
        /// The pause after a failure is over.
        case retry
        /// A reader's position is of an event or a feed that the ring has not seen.
        case unseen
    }

    /// What the owner must do, possibly several things.
    struct Actions: Equatable {
        /// Load what is kept after this sequence number, and report the result with this generation.
        var load: Load?
        /// Send ``Input/retry`` after a pause.
        var retryLater = false
        /// Readers have news.
        var deliver = false
        /// Look up the position of every reader again: the feed was recreated.
        var reset = false
        /// Subscribe again. The confirmation separates later announcements from those in flight.
        var resubscribe = false

        struct Load: Equatable {
            var generation: Int
            var after: Int64
        }
    }

    private(set) var state = State.subscribing
    let ring: Ring
    private var generation = 0
    /// The generation of the last load that made the channel live.
    private(set) var lastLoad = 0
    private var requestedAfter: Int64 = 0
    /// The load follows a confirmation, so no older announcement is in flight.
    private var followsConfirmation = false
    private var early: [(sequence: Int64, event: [UInt8])] = []
    /// More announcements arrived than can be kept: load again.
    private var overflowed = false
    private var earlyLimit: Int

    /// - Parameter conversation: what the channel is about, when it is one conversation.
    init(limits: EdgeLimits, budget: RingBudget = RingBudget(), conversation: [UInt8]? = nil) {
        ring = Ring(limits: limits, budget: budget, conversation: conversation)
        earlyLimit = limits.ringEvents
    }

    /// Applies new limits.
    mutating func adopt(limits: EdgeLimits) {
        ring.adopt(limits: limits)
        earlyLimit = limits.ringEvents
    }

    var isLive: Bool { state == .live }

    /// The generation that the next load will have, at least: it reads all that is in the feed now.
    var nextLoad: Int { generation + 1 }

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
        case .unseen:
            return isLive ? load() : Actions()
        }
    }

    /// Requests the history, which includes everything announced so far.
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
            case .suspect:
                let actions = load(whole: true)
                // The channel's first event, of which it may keep nothing.
                if ring.isUnborn { early = [(sequence, event)] }
                return actions
            }
        }
    }

    /// What was announced while a history was read and is not kept any more, up to its floor: events of a channel that keeps
    /// nothing. Empty when it is not sure that they are of the same feed and that none is missing.
    private func announcedOnly(_ history: ChannelHistory) -> [ChannelHistory.Item] {
        guard let first = early.first, first.sequence <= history.floor, let last = early.last,
            last.sequence >= history.floor, !overflowed,
            zip(early, early.dropFirst()).allSatisfy({ $0.sequence + 1 == $1.sequence })
        else { return [] }
        // Before the first event there may have been another feed, whose announcements began at 1 as well.
        if ring.isUnborn, first.sequence != 1 { return [] }
        return early.prefix { $0.sequence <= history.floor }.map {
            ChannelHistory.Item(sequence: $0.sequence, event: $0.event)
        }
    }

    private mutating func loaded(_ history: ChannelHistory) -> Actions {
        var reset = false
        let announced = announcedOnly(history)
        if requestedAfter > 0, !ring.contradicts(history) {
            // What continues the ring is known, whether the channel keeps it or not.
            for item in announced where item.sequence == ring.last + 1 { _ = ring.offer(item.sequence, item.event) }
        }
        if ring.contradicts(history) {
            if requestedAfter > 0 { return load(whole: true) }
            reset = ring.identity != nil
            // A restarted server has closed the connection, so nothing that it announced before is in flight.
            let isCut = followsConfirmation && ring.identity?.epoch != history.epoch
            ring.replace(with: history)
            ring.prepend(announced)
            if reset, !isCut {
                state = .subscribing
                early = []
                return Actions(reset: true, resubscribe: true)
            }
        } else if requestedAfter == 0 {
            // Everything was requested and nothing contradicts: it is the same feed, possibly with more events.
            ring.replace(with: history)
            ring.prepend(announced)
        } else {
            ring.merge(history)
        }
        state = .live
        lastLoad = generation
        followsConfirmation = false
        var actions = Actions(deliver: true, reset: reset)
        var again = overflowed
        var whole = false
        for (sequence, event) in early where !again {
            switch ring.offer(sequence, event, isEarly: true) {
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
