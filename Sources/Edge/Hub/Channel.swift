/// One watched channel: its machine, its ring, and the readers that wait.
final class Channel {
    let name: String
    /// What it is found by.
    let key: ChannelKey
    var machine: ChannelMachine
    /// Readers whose offset was not looked at, since the channel is not live.
    private var unresolved = WatchQueue()
    /// Readers that need an older history than the ring holds.
    private var older = WatchQueue()
    /// Readers with nothing to read, in the order of their positions: who came later stands further on.
    private var waiting = WatchQueue()
    /// Readers with something to read, in the order in which there was something for them: each has its turn before any
    /// has its next.
    private var ready = WatchQueue()
    /// Whether it has its turn in the hub's deliveries.
    var isDelivering = false
    /// Whether an older history is on its way.
    var isLoadingOlder = false
    /// How many watches there are, in a queue or not.
    var watches = 0
    /// When the last reader left, while there is none.
    var idleSince: Int64?
    /// Set by the queue of channels without readers; -1: it is not there.
    var idleTicket = -1

    init(name: String, limits: EdgeLimits, ledger: RingLedger = RingLedger()) {
        self.name = name
        key = ChannelKey(name)
        machine = ChannelMachine(limits: limits, ledger: ledger)
    }

    var ring: Ring { machine.ring }

    /// How an offset stands now; nil while that is not known.
    func look(_ offset: Offset) -> Standing? {
        machine.isLive ? ring.find(offset) : nil
    }

    /// Lets a watch wait in a queue.
    func enqueue(_ watch: Watch, in place: Watch.Place) {
        watch.place = place
        switch place {
        case .nowhere: break
        case .unresolved: unresolved.append(watch)
        case .older: older.append(watch)
        case .waiting: waiting.append(watch)
        case .ready: ready.append(watch)
        }
    }

    /// Takes a watch out of the queue that it is in.
    func dequeue(_ watch: Watch) {
        switch watch.place {
        case .nowhere: break
        case .unresolved: unresolved.remove(watch)
        case .older: older.remove(watch)
        case .waiting: waiting.remove(watch)
        case .ready: ready.remove(watch)
        }
        watch.place = .nowhere
    }

    /// There is news: those who wait for it have their turn now.
    func promote() {
        while let watch = waiting.first(), watch.sequence < ring.newest {
            waiting.remove(watch)
            enqueue(watch, in: .ready)
        }
    }

    /// Whether readers have waited for their turn and not had it.
    var isBehind: Bool { !ready.isEmpty }

    /// Whether someone can be woken now.
    var hasWork: Bool { !ready.isEmpty || machine.isLive && !unresolved.isEmpty }

    /// Takes out the next reader to wake.
    func nextToWake() -> Watch? {
        guard let watch = (machine.isLive ? unresolved.popFirst() : nil) ?? ready.popFirst() else { return nil }
        watch.place = .nowhere
        return watch
    }

    /// After which sequence number the reader that has waited for an older history for the longest time goes on; nil when
    /// none waits.
    func startOfOlder() -> Int64? { older.first()?.sequence }

    /// Takes out the readers who wait for an older history and stand within this part of it; the others keep their order.
    func takeOlder(within part: Ring) -> [Watch] {
        var taken: [Watch] = []
        var others: [Watch] = []
        while let watch = older.popFirst() {
            if part.find(watch.offset) == .older {
                others.append(watch)
            } else {
                watch.place = .nowhere
                taken.append(watch)
            }
        }
        for watch in others { older.append(watch) }
        return taken
    }

    var needsOlder: Bool { !older.isEmpty }

    /// The feed is another than it was: whoever waits must be looked at anew.
    func unsettle() {
        while let watch = ready.popFirst() ?? waiting.popFirst() { enqueue(watch, in: .unresolved) }
    }
}
