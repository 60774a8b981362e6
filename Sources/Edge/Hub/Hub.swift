import DequeModule
import Events

/// The channels of this process, and the delivery of their news to readers.
///
/// Delivery yields to the loop: readers are woken in slices, and channels take turns. Events that arrive between two
/// slices are included in the answers of readers that are woken later.
package final class Hub: ChannelSourceDelegate {
    private let source: any ChannelSource
    private var limits: EdgeLimits
    private let metrics: EdgeMetrics
    /// Keyed by the bytes of the name: strings that are equal by `==` may be two channels to Redis.
    private var channels: [ChannelKey: Channel] = [:]
    /// The channel that was subscribed to last.
    private var latest: Channel?
    /// Channels with readers to wake, in the order of their turns.
    private var turns: Deque<Channel> = []
    private(set) var idle = IdleQueue()
    private let loads: LoadQueue
    private var failed: [Channel] = []
    /// The memory of all rings.
    private let budget: RingBudget
    private let clock: () -> Int64
    private var delivery: Timer?
    private var housekeeping: Timer?
    private var refresh: Timer?
    private var retry: Timer?
    private var reclaim: Timer?
    /// Whether the last attempt to free memory failed, because each channel keeps its newest event.
    private var lastReclaimFailed = false

    /// How many readers are woken in one slice and in one turn of a channel, and how long a slice may take.
    static let sliceReaders = 256
    static let turnReaders = 64
    static let sliceNanoseconds: Int64 = 2_000_000
    /// How many events of older history are loaded at once, however small they are.
    private static let partEvents = 10_000
    private static let retryPause: Int64 = 250
    private static let failedReclaimPause: Int64 = 1000
    private static let housekeepingInterval: Int64 = 1000
    /// How old the time may become that readers of a channel without a feed get as their position, and how often that is
    /// looked at. Such a position holds about as long as a feed may be idle.
    private static let unbornAge: Int64 = 600_000
    private static let refreshInterval: Int64 = 60_000

    init(
        on loop: EventLoop, source: any ChannelSource, limits: EdgeLimits, metrics: EdgeMetrics,
        clock: @escaping () -> Int64 = Clock.monotonicMilliseconds
    ) {
        self.source = source
        self.limits = limits
        self.metrics = metrics
        budget = RingBudget(metrics: metrics)
        loads = LoadQueue(limits: limits, metrics: metrics)
        self.clock = clock
        delivery = Timer(on: loop) { [unowned self] in self.deliverSlice() }
        retry = Timer(on: loop) { [unowned self] in self.retryFailed() }
        reclaim = Timer(on: loop) { [unowned self] in self.reclaimMemory() }
        housekeeping = Timer(on: loop) { [unowned self] in self.dropIdle() }
        refresh = Timer(on: loop) { [unowned self] in self.refreshUnborn() }
        refresh?.schedule(every: Hub.refreshInterval)
        scheduleHousekeeping()
        source.delegate = self
    }

    deinit {
        source.delegate = nil
    }

    /// Applies new limits to decisions from now on: no reader is dropped, and a ring is shortened with its next event.
    package func adopt(limits: EdgeLimits) {
        self.limits = limits
        for channel in channels.values { channel.machine.adopt(limits: limits) }
        scheduleHousekeeping()
        checkMemory()
        loads.adopt(limits: limits)
    }

    /// The number of channels.
    var count: Int { channels.count }

    /// The memory of all rings, in bytes.
    var ringBytes: Int { budget.bytes }

    /// Why readers cannot be served now; nil when they can.
    package var trouble: String? { source.trouble }

    /// Subscribes a reader to a channel. End it with ``leave(_:)``.
    ///
    /// - Throws: ``HTTPError`` (503) when there are too many channels.
    func subscribe(_ name: String, from offset: Offset, by subscriber: any Subscriber) throws(HTTPError) -> Subscription
    {
        let channel = try open(name)
        channel.subscriptionCount += 1
        if channel.subscriptionCount == 1 {
            channel.idleSince = nil
            idle.remove(channel)
        }
        return Subscription(channel: channel, subscriber: subscriber, offset: offset)
    }

    /// Looks up a subscription's offset; nil while the channel is not live. A position that is found becomes the
    /// offset. One that the ring has not seen makes the channel load what it missed; the answer is never `unseen`. A
    /// reader that knows no position loses none: it is looked up from the beginning again.
    func lookUp(_ subscription: Subscription, ring: Ring? = nil) -> OffsetLookup? {
        var lookup = ring.map { $0.find(subscription.offset) } ?? subscription.channel.lookUp(subscription.offset)
        if lookup == .unseen { lookup = judge(subscription) }
        if lookup == .lost, subscription.isFromBeginning {
            subscription.offset = .beginning
            subscription.judgedBy = nil
            lookup = ring.map { $0.find(.beginning) } ?? subscription.channel.lookUp(.beginning)
        }
        switch lookup {
        case .found(let position, _):
            subscription.offset = .position(position)
            subscription.judgedBy = nil
        case .lost: subscription.judgedBy = nil
        case .older, .unseen, nil: break
        }
        return lookup
    }

    /// Judges an offset that the ring has not seen. Another process may be ahead of this one, so only a load that began
    /// after the reader came tells whether it is lost. One load at a time judges all readers of the channel that wait.
    private func judge(_ subscription: Subscription) -> OffsetLookup? {
        let channel = subscription.channel
        let judgedBy = subscription.judgedBy ?? channel.machine.nextLoad
        if channel.machine.lastLoad >= judgedBy { return .lost }
        subscription.judgedBy = judgedBy
        perform(channel.machine.handle(.unseen), on: channel)
        // The source may have answered before it returned.
        let lookup = channel.lookUp(subscription.offset)
        return lookup == .unseen ? .lost : lookup
    }

    /// Queues a subscription until it is woken.
    func wait(_ subscription: Subscription, lookup: OffsetLookup?) {
        switch lookup {
        case nil, .lost, .unseen: subscription.channel.enqueue(subscription, in: .unresolved)
        case .older:
            subscription.channel.enqueue(subscription, in: .older)
            loadOlder(subscription.channel)
        case .found: subscription.channel.enqueue(subscription, in: .waiting)
        }
    }

    /// Queues a new reader behind others that have waited longer for the same news: readers that come back quickly must
    /// not be served before them again and again. Such a reader gets more events at once.
    ///
    /// - Returns: whether it was queued.
    func queueUp(_ subscription: Subscription, lookup: OffsetLookup?) -> Bool {
        guard case .found(_, hasNews: true) = lookup, subscription.channel.isBehind else { return false }
        subscription.channel.enqueue(subscription, in: .ready)
        return true
    }

    /// Takes a subscription out of its queue, if it is in one.
    func dequeue(_ subscription: Subscription) {
        subscription.channel.dequeue(subscription)
    }

    /// Ends a subscription.
    func leave(_ subscription: Subscription) {
        let channel = subscription.channel
        channel.dequeue(subscription)
        channel.subscriptionCount -= 1
        guard channel.subscriptionCount == 0 else { return }
        channel.idleSince = clock()
        idle.append(channel)
    }

    /// The source's epoch may have changed: compare everything that was loaded with it.
    package func renew() {
        for channel in channels.values {
            if channel.subscriptionCount == 0, channel.ring.identity != nil {
                forget(channel)
            } else {
                perform(channel.machine.handle(.renewed), on: channel)
            }
        }
    }

    // MARK: What the source tells

    func sourceConfirmed(_ channel: String) {
        guard let channel = channels[ChannelKey(channel)] else { return }
        // After a reconnect, do not load channels without readers.
        if channel.subscriptionCount == 0, channel.ring.identity != nil { return forget(channel) }
        perform(channel.machine.handle(.confirmed), on: channel)
    }

    func sourceLost(_ channel: String) {
        guard let channel = channels[ChannelKey(channel)] else { return }
        perform(channel.machine.handle(.lost), on: channel)
    }

    func sourceMissed(_ channel: String) {
        guard let channel = channels[ChannelKey(channel)] else { return }
        perform(channel.machine.handle(.renewed), on: channel)
    }

    func sourceAnnounced(_ channel: String, sequence: Int64, event: [UInt8]) {
        guard let channel = channels[ChannelKey(channel)] else { return }
        metrics.eventsReceived += 1
        perform(channel.machine.handle(.announced(sequence: sequence, event: event)), on: channel)
    }

    private func perform(_ actions: ChannelMachine.Actions, on channel: Channel) {
        if actions.reset {
            metrics.resets += 1
            channel.requeueUnresolved()
        }
        if let load = actions.load {
            // A strong reference until the load has ended: weak references would make every later use of channel and
            // hub slower.
            loads.append { [self] in
                guard channels[channel.key] === channel else { return loads.ended() }
                self.metrics.loads += 1
                self.source.load(channel.name, after: load.after, limit: self.limits.ringEvents) { history in
                    self.loads.ended()
                    let input = history.map { ChannelMachine.Input.loaded(generation: load.generation, $0) }
                    let actions = channel.machine.handle(input ?? .failed(generation: load.generation))
                    if history != nil { channel.loadedAt = self.clock() }
                    self.perform(actions, on: channel)
                    channel.advanceUnborn()
                }
            }
        }
        if actions.retryLater { retryLater(channel) }
        if actions.deliver { scheduleDelivery(of: channel) }
        checkMemory()
        // Keep this last: a source may confirm before it returns.
        if actions.resubscribe { source.subscribe(channel.name) }
    }

    // MARK: Channels

    private func open(_ name: String) throws(HTTPError) -> Channel {
        let key = ChannelKey(name)
        // Many readers of one channel often come at once.
        if let latest, latest.key == key { return latest }
        if let channel = channels[key] {
            latest = channel
            return channel
        }
        if channels.count >= limits.maxChannels {
            guard dropOldestIdle() else {
                throw HTTPError(
                    .serviceUnavailable, "this server has as many channels as it can hold", retryAfter: 5,
                    limit: .maxChannels)
            }
            metrics.reached(.maxChannels)
        }
        let channel = Channel(name: name, limits: limits, budget: budget)
        channels[key] = channel
        source.subscribe(name)
        return channel
    }

    private func forget(_ channel: Channel) {
        guard channels[channel.key] === channel else { return }
        channels[channel.key] = nil
        idle.remove(channel)
        if latest === channel { latest = nil }
        source.unsubscribe(channel.name)
    }

    private func scheduleHousekeeping() {
        housekeeping?.schedule(every: min(Hub.housekeepingInterval, max(1, limits.channelLinger)))
    }

    private func dropIdle() {
        let limit = clock() - limits.channelLinger
        while let channel = idle.first(), channel.idleSince ?? limit <= limit {
            metrics.reached(.channelLinger)
            forget(channel)
        }
    }

    /// Reads channels without a feed again: nothing is announced there, and only the server can say that there is none
    /// at a later time.
    func refreshUnborn() {
        let limit = clock() - Hub.unbornAge
        for channel in channels.values
        where channel.subscriptionCount > 0 && channel.ring.isUnborn && channel.machine.isLive
            && channel.loadedAt <= limit
        {
            perform(channel.machine.handle(.renewed), on: channel)
        }
    }

    /// Drops the channel that has been idle longest. Returns false when all have readers.
    private func dropOldestIdle() -> Bool {
        guard let channel = idle.first() else { return false }
        forget(channel)
        return true
    }

    // MARK: Memory

    /// In the next turn of the loop, since rings may be in use further up the stack.
    private func checkMemory() {
        guard budget.bytes > limits.ringBytesTotal, reclaim?.isScheduled == false else { return }
        reclaim?.schedule(after: lastReclaimFailed ? Hub.failedReclaimPause : 0)
    }

    /// Frees an eighth of the limit, so that this is not needed for every event: drops idle channels, the longest idle
    /// first; if that is not enough, shortens the largest rings.
    private func reclaimMemory() {
        guard budget.bytes > limits.ringBytesTotal else { return }
        metrics.reached(.ringBytesTotal)
        let target = limits.ringBytesTotal - limits.ringBytesTotal / 8
        while budget.bytes > target, dropOldestIdle() { metrics.ringsEvicted += 1 }
        guard budget.bytes > target else { return }
        let level = RingBudget.level(of: channels.values.lazy.map { $0.ring.charged }, target: target)
        for channel in channels.values where channel.ring.charged > level {
            if channel.ring.shorten(to: level) { metrics.ringsShortened += 1 }
        }
        lastReclaimFailed = budget.bytes > limits.ringBytesTotal
    }

    // MARK: Loads

    /// Loads the channel again after a pause.
    private func retryLater(_ channel: Channel) {
        failed.append(channel)
        if retry?.isScheduled == false { retry?.schedule(after: Hub.retryPause) }
    }

    private func retryFailed() {
        let channels = failed
        failed = []
        for channel in channels where self.channels[channel.key] === channel {
            // Do not retry for a channel without readers.
            if channel.subscriptionCount == 0 {
                forget(channel)
                continue
            }
            perform(channel.machine.handle(.retry), on: channel)
            if channel.needsOlder { loadOlder(channel) }
        }
    }

    /// Loads what the reader that has waited longest for older history can take at once, for all readers at that place;
    /// then continues with the next. So a load costs what it delivers.
    private func loadOlder(_ channel: Channel) {
        guard !channel.isLoadingOlder else { return }
        channel.isLoadingOlder = true
        loads.append { [self] in
            guard let start = channel.startOfOlder() else {
                channel.isLoadingOlder = false
                return loads.ended()
            }
            metrics.loads += 1
            source.loadPart(channel.name, after: start, limit: Hub.partEvents, bytes: limits.answerBytes) { history in
                self.loads.ended()
                if let history {
                    channel.ring.noteFloor(of: history)
                    let part = Ring(limits: self.limits, budget: self.budget)
                    part.replace(withPart: history, after: start)
                    for subscription in channel.takeOlder(within: part) {
                        subscription.subscriber.wake(subscription, ring: part)
                    }
                }
                channel.isLoadingOlder = false
                if history == nil {
                    self.retryLater(channel)
                } else if channel.needsOlder {
                    self.loadOlder(channel)
                }
                self.checkMemory()
            }
        }
    }

    // MARK: Delivery

    private func scheduleDelivery(of channel: Channel) {
        channel.promote()
        guard !channel.isDelivering, channel.hasWork else { return }
        channel.isDelivering = true
        turns.append(channel)
        // In the next turn of the loop, so that all announcements received together are in the same answers.
        if delivery?.isScheduled == false { delivery?.schedule(after: 0) }
    }

    private func deliverSlice() {
        let started = Clock.monotonicNanoseconds()
        var woken = 0
        while let channel = turns.popFirst() {
            var inTurn = 0
            while inTurn < Hub.turnReaders, let subscription = channel.nextToWake() {
                subscription.subscriber.wake(subscription, ring: channel.ring)
                inTurn += 1
            }
            woken += inTurn
            if channel.hasWork { turns.append(channel) } else { channel.isDelivering = false }
            if woken >= Hub.sliceReaders || Clock.monotonicNanoseconds() - started > Hub.sliceNanoseconds { break }
        }
        if !turns.isEmpty { delivery?.schedule(after: 0) }
        // Waking readers encodes bodies.
        checkMemory()
    }
}
