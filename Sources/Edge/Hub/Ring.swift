/// The recent events of one channel, each held once, in the order of their sequence numbers.
///
/// Bounded by count and by bytes; the oldest go first. A class because all readers of the channel share it, and with it
/// the bodies that were made for a position.
final class Ring {
    private struct Entry {
        let sequence: Int64
        let event: [UInt8]
    }

    /// What became of an announced event.
    enum Offer: Equatable {
        case appended
        /// Held already.
        case duplicate
        /// Events before it are missing.
        case gap
        /// It contradicts what is held, or is older than it: the feed must be asked.
        case suspect
    }

    /// The data's epoch and the feed's birth; nil before the first history.
    private(set) var identity: Position?
    /// The newest sequence number known of.
    private(set) var last: Int64 = 0
    /// Everything kept after this sequence number is in the ring.
    private(set) var floor: Int64 = 0
    /// The floor of the feed itself, when it was read.
    private var feedFloor: Int64 = 0
    private var capacity: Int64 = 0
    /// Whether the feed keeps more behind the last event held: see ``replace(withPart:after:)``.
    private var isPart = false
    private var entries: [Entry] = []
    /// The first entry still held.
    private var head = 0
    private(set) var bytes = 0
    private var batches: [Int64: EncodedBatch] = [:]
    private var batchBytes = 0
    private var limits: EdgeLimits
    private let budget: RingBudget
    /// What the ledger has of this ring.
    private(set) var charged = 0

    init(limits: EdgeLimits, budget: RingBudget = RingBudget()) {
        self.limits = limits
        self.budget = budget
    }

    deinit {
        budget.add(-charged)
    }

    /// Takes other limits, for what is appended and made from now on.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
    }

    /// How many events are held.
    var count: Int { entries.count - head }

    /// The sequence number of the newest event held. Behind `last` when that one was retracted.
    var newest: Int64 { count > 0 ? entries[entries.count - 1].sequence : floor }

    /// The position after everything.
    var tail: Position { position(last) }

    /// Whether the feed was known not to exist when it was read.
    var isUnborn: Bool { identity?.born == 0 && last == 0 }

    /// Whether the history belongs to another life of the feed, or to a server that has lost events: also when another
    /// event stands at the place of one that is held.
    func contradicts(_ history: History) -> Bool {
        guard let identity else { return true }
        if identity.epoch != history.epoch || identity.born != history.born || history.last < last { return true }
        return history.items.contains { item in
            let index = firstIndex(after: item.sequence - 1)
            return index < entries.count && entries[index].sequence == item.sequence
                && entries[index].event != item.event
        }
    }

    /// Takes over a whole history in place of all that is held.
    func replace(with history: History, bounded: Bool = true) {
        identity = Position(epoch: history.epoch, born: history.born, sequence: 0)
        entries = []
        head = 0
        bytes = 0
        capacity = history.capacity
        feedFloor = history.floor
        floor = history.isComplete ? feedFloor : (history.items.first?.sequence ?? history.last + 1) - 1
        last = history.last
        isPart = false
        for item in history.items { push(item.sequence, item.event) }
        if bounded { trim() }
        forgetBatches()
        charge()
    }

    /// Takes over the oldest of what a feed keeps after a sequence number, in place of all that is held and whatever its
    /// size. The ring ends there: who has read it all is ``OffsetLookup/older`` to it, and goes on with the next part.
    func replace(withPart history: History, after sequence: Int64) {
        replace(with: history, bounded: false)
        floor = max(feedFloor, sequence)
        isPart = !history.isComplete
        if isPart { last = newest }
    }

    /// Takes over what came after `last`; replaces everything when events between are gone.
    func merge(_ history: History) {
        guard history.isComplete, last >= history.floor else { return replace(with: history) }
        capacity = history.capacity
        for item in history.items where item.sequence > last { push(item.sequence, item.event) }
        last = history.last
        trim()
        forgetBatches()
        charge()
    }

    /// Takes an announced event, if it is the next.
    func offer(_ sequence: Int64, _ event: [UInt8]) -> Offer {
        guard identity != nil, !isUnborn else { return .suspect }
        if sequence == last + 1 {
            push(sequence, event)
            last = sequence
            trim()
            forgetBatches()
            charge()
            return .appended
        }
        if sequence > last { return .gap }
        let index = firstIndex(after: sequence - 1)
        guard index < entries.count, entries[index].sequence == sequence, entries[index].event == event else {
            return .suspect
        }
        return .duplicate
    }

    /// How an offset stands to what is held. Only after the first history.
    func find(_ offset: Offset) -> OffsetLookup {
        guard let identity else { return .older }
        let holdsCapacity = capacity > 0 && count >= capacity && !isPart
        var sequence: Int64
        switch offset {
        case .now:
            return .found(tail, hasNews: false)
        case .beginning:
            guard floor <= feedFloor || holdsCapacity else { return .older }
            sequence = floor
            if holdsCapacity { sequence = entries[entries.count - Int(capacity)].sequence - 1 }
        case .position(let position):
            guard position.epoch == identity.epoch else { return .lost }
            let beforeFirst = position.born == 0 && position.sequence == 0
            guard position.born == identity.born || beforeFirst else { return .lost }
            sequence = position.sequence
            if sequence > last || isPart && sequence == last { return isPart ? .older : .lost }
            if sequence < floor, sequence != last { return sequence < feedFloor || holdsCapacity ? .lost : .older }
        }
        return .found(self.position(sequence), hasNews: sequence < newest)
    }

    /// The events after a position as a JSON array, cut after `answerBytes`. Only for a position that was found.
    func batch(after sequence: Int64) -> EncodedBatch {
        if let batch = batches[sequence] { return batch }
        let start = firstIndex(after: sequence)
        var end = start
        var size = 2
        while end < entries.count {
            size += entries[end].event.count + (end > start ? 1 : 0)
            if size > limits.answerBytes, end > start {
                budget.reached(.answerBytes)
                break
            }
            end += 1
        }
        var body: [UInt8] = []
        body.reserveCapacity(size)
        body.append(0x5B)
        for index in start..<end {
            if index > start { body.append(0x2C) }
            body.append(contentsOf: entries[index].event)
        }
        body.append(0x5D)
        let reachesEnd = end == entries.count
        let next = position(reachesEnd ? max(last, sequence) : entries[end - 1].sequence)
        let batch = EncodedBatch(body: body, count: end - start, next: next, reachesEnd: reachesEnd)
        // Readers far apart each have a body of their own; only so much of that is worth keeping.
        if batchBytes + batch.cost > 4 * limits.answerBytes || batches.count >= 256 { forgetBatches() }
        batchBytes += batch.cost
        batches[sequence] = batch
        charge()
        return batch
    }

    /// Gives up the oldest events, all but the newest one, until no more than `budget` bytes are charged; and at first what
    /// can be made again. What is given up is read from the feed when somebody asks for it.
    ///
    /// - Returns: whether events were given up.
    func shorten(to budget: Int) -> Bool {
        forgetBatches()
        let before = count
        while count > 1, bytes + count * RingBudget.entryOverhead > budget { dropFirst() }
        // Not only unused but given back: this is called for want of memory.
        if count < before { compact() }
        charge()
        return count < before
    }

    private func position(_ sequence: Int64) -> Position {
        Position(epoch: identity?.epoch ?? 0, born: identity?.born ?? 0, sequence: sequence)
    }

    private func push(_ sequence: Int64, _ event: [UInt8]) {
        entries.append(Entry(sequence: sequence, event: event))
        bytes += event.count
    }

    private func trim() {
        while count > 1, count > limits.ringEvents || bytes > limits.ringBytes {
            budget.reached(count > limits.ringEvents ? .ringEvents : .ringBytes)
            dropFirst()
        }
        if head > 64, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
    }

    private func dropFirst() {
        bytes -= entries[head].event.count
        floor = entries[head].sequence
        entries[head] = Entry(sequence: 0, event: [])
        head += 1
    }

    private func compact() {
        entries = Array(entries[head...])
        head = 0
    }

    /// Tells the ledger what this ring holds now.
    private func charge() {
        let now = bytes + count * RingBudget.entryOverhead + batchBytes
        budget.add(now - charged)
        charged = now
    }

    /// Lets go of the bodies that were made.
    private func forgetBatches() {
        batchBytes = 0
        guard !batches.isEmpty else { return }
        batches.removeAll(keepingCapacity: true)
    }

    /// The place of the first entry after a sequence number: binary search, since numbers may be missing.
    private func firstIndex(after sequence: Int64) -> Int {
        var low = head
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence <= sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// How a reader's offset stands to what a ring holds.
enum OffsetLookup: Equatable {
    /// The offset is good: this is the position it means, and whether there are events after it.
    case found(Position, hasNews: Bool)
    /// Before what the ring holds, or behind the part of a history that it holds; the feed may have it.
    case older
    /// Events between the offset and now are gone, or the offset belongs to another life of the feed.
    case lost
}

/// What all rings of a process hold together, and how they must shrink when that is too much. Pure.
final class RingBudget {
    /// Bytes of all rings: events, what it costs to hold each, and the bodies made of them.
    private(set) var bytes = 0

    /// What an event costs beside its bytes.
    static let entryOverhead = 64

    private let metrics: EdgeMetrics

    /// - Parameter metrics: where it is counted that a ring came to a limit.
    init(metrics: EdgeMetrics = EdgeMetrics()) {
        self.metrics = metrics
    }

    /// A ring came to a limit of its own.
    func reached(_ limit: EdgeLimit) {
        metrics.reached(limit)
    }

    func add(_ difference: Int) {
        bytes += difference
    }

    /// The size that no ring may exceed so that all together have at most `target`: the largest give, the small ones keep
    /// what they have.
    static func level(of sizes: some Sequence<Int>, target: Int) -> Int {
        let sizes = sizes.sorted()
        var rest = target
        for (index, size) in sizes.enumerated() {
            let share = rest / (sizes.count - index)
            if size > share { return max(0, share) }
            rest -= size
        }
        return Int.max
    }
}
