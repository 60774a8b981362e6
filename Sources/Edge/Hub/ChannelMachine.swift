import Store

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
