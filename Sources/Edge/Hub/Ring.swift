import DequeModule
import Store

/// The recent events of one channel, ordered by sequence number.
///
/// Bounded by count and by bytes; the oldest are dropped first. A class, since all readers of the channel share it and
/// the bodies that are encoded for a position.
///
/// Of a comment that was changed it holds what the feed holds: at the comment's place its newest content (or the
/// deletion), and the latest change. The texts in between are gone, so a reader that comes later cannot get them; their
/// numbers are missing, which is no loss (docs/contract.md, "Changed comments for readers").
final class Ring {
    private struct Entry {
        let sequence: Int64
        var event: [UInt8]
        /// ``EventSubject/commentDigest``; 0: it is about no comment.
        let comment: Int
    }

    /// The result of offering an announced event.
    enum Offer: Equatable {
        case appended
        /// The ring holds it already.
        case duplicate
        /// Events before it are missing.
        case gap
        /// It contradicts the ring, or is older: the feed must be read.
        case suspect
    }

    /// Nil before the first history.
    private(set) var identity: FeedIdentity?
    /// The newest known sequence number.
    private(set) var last: Int64 = 0
    /// The ring holds everything that is kept after this sequence number.
    private(set) var floor: Int64 = 0
    /// The feed's own floor when it was last read, and the feed's last sequence number then. The floor only rises.
    private var feedFloor: Int64 = 0
    private(set) var feedLast: Int64 = 0
    /// Whether the feed has more events after the last one held, see ``replace(withPart:after:)``.
    private var isPart = false
    /// Whether only the newest event counts, which the ring then holds: readers who miss lower numbers have lost nothing.
    private var isState = false
    /// Whether these events were read for the readers that are looked up in them: then they are judged by it.
    private var isReadForReaders = false
    private var entries: Deque<Entry> = []
    /// The newest entry of each comment, by the comment's digest.
    private var newestOfComment: [Int: Int64] = [:]
    /// Whether the conversation takes no more comments, as of ``last``.
    private(set) var isClosed = false
    /// The conversation whose closing closes the channel.
    private let conversation: [UInt8]?
    private(set) var bytes = 0
    private var batches: [Int64: EncodedBatch] = [:]
    private var batchBytes = 0
    private var limits: EdgeLimits
    private let budget: RingBudget
    /// How many bytes are charged to the budget.
    private(set) var charged = 0

    /// - Parameter conversation: what the channel is about, when it is one conversation.
    init(limits: EdgeLimits, budget: RingBudget = RingBudget(), conversation: [UInt8]? = nil) {
        self.limits = limits
        self.budget = budget
        self.conversation = conversation
    }

    deinit {
        budget.add(-charged)
    }

    /// Applies new limits to events and bodies from now on.
    func adopt(limits: EdgeLimits) {
        self.limits = limits
    }

    /// The number of events.
    var count: Int { entries.count }

    /// The sequence number of the newest event held. Less than `last` when that one was retracted.
    var newest: Int64 { entries.last?.sequence ?? floor }

    /// The position after all events.
    var tail: Position { position(last) }

    /// The position after all events for a reader at this one, which was found: never before it.
    func tail(from position: Position) -> Position { self.position(max(last, position.sequence)) }

    /// Whether the feed did not exist when it was read.
    var isUnborn: Bool { identity?.isUnborn == true }

    /// Whether the history is of a recreated feed or of a server that has lost events. An event that differs from the
    /// one held under the same number shows that as well, unless its comment was changed since.
    func contradicts(_ history: ChannelHistory) -> Bool {
        guard let identity else { return true }
        if identity.epoch != history.epoch || identity.born != history.born || history.last < last { return true }
        return history.items.indices.contains { index in
            let item = history.items[index]
            guard let held = event(numbered: item.sequence), held != item.event else { return false }
            // The change itself is there as well, under a later number.
            let wasChanged =
                EventSubject.isSameComment(held, item.event)
                && history.items[(index + 1)...].contains { EventSubject.isSameComment($0.event, item.event) }
            return !wasChanged
        }
    }

    /// Replaces everything with a history.
    ///
    /// - Parameter bounded: whether it is the channel's ring, which takes further events and keeps within its limits.
    func replace(with history: ChannelHistory, bounded: Bool = true) {
        identity = FeedIdentity(history)
        entries = []
        newestOfComment.removeAll(keepingCapacity: true)
        bytes = 0
        isClosed = history.isClosed
        (feedFloor, feedLast) = (history.floor, history.last)
        floor = history.isComplete ? feedFloor : (history.items.first?.sequence ?? history.last + 1) - 1
        last = history.last
        isState = history.isState
        (isPart, isReadForReaders) = (false, false)
        if bounded {
            for item in history.items { take(item.sequence, item.event) }
            trim()
        } else {
            for item in history.items { push(Entry(sequence: item.sequence, event: item.event, comment: 0)) }
        }
        forgetBatches()
        charge()
    }

    /// Replaces everything with the oldest part of what the feed keeps after a sequence number, whatever its size. The
    /// ring ends there: a reader at its end is ``OffsetLookup/older`` and continues with the next part.
    func replace(withPart history: ChannelHistory, after sequence: Int64) {
        replace(with: history, bounded: false)
        floor = max(feedFloor, sequence)
        (isPart, isReadForReaders) = (!history.isComplete, true)
        if isPart { last = newest }
    }

    /// Adds the events after `last`; replaces everything when events in between are gone. A comment that was changed
    /// meanwhile has its latest change among them.
    func merge(_ history: ChannelHistory) {
        guard history.isComplete, last >= history.floor else { return replace(with: history) }
        noteFloor(of: history)
        isState = history.isState
        for item in history.items where item.sequence > last { take(item.sequence, item.event) }
        last = history.last
        trim()
        forgetBatches()
        charge()
    }

    /// Puts events that were announced while the history was read before those that it has: the channel keeps them no more.
    /// They end at the floor.
    func prepend(_ announced: [ChannelHistory.Item]) {
        guard let first = announced.first, announced.last?.sequence == floor else { return }
        let kept = entries
        entries = []
        newestOfComment.removeAll(keepingCapacity: true)
        bytes = 0
        floor = first.sequence - 1
        for item in announced { take(item.sequence, item.event) }
        for entry in kept { take(entry.sequence, entry.event) }
        trim()
        forgetBatches()
        charge()
    }

    /// Remembers how far the feed has been cut, which a reader from the beginning needs to know.
    func noteFloor(of history: ChannelHistory) {
        guard let identity, identity.epoch == history.epoch, identity.born == history.born else { return }
        feedFloor = max(feedFloor, history.floor)
        feedLast = max(feedLast, history.last)
    }

    /// Appends an announced event if it is the next.
    ///
    /// - Parameter isEarly: it came while the history was read, so the history may have it, or what replaced it. Later
    ///   announcements come once: one with a number that is known is of another feed, whose numbers begin anew.
    func offer(_ sequence: Int64, _ event: [UInt8], isEarly: Bool = false) -> Offer {
        guard identity != nil, !isUnborn else { return .suspect }
        if sequence == last + 1 {
            take(sequence, event)
            last = sequence
            trim()
            forgetBatches()
            charge()
            return .appended
        }
        if sequence > last { return .gap }
        if self.event(numbered: sequence) == event { return .duplicate }
        return isEarly && sequence > floor && isSuperseded(sequence, event) ? .duplicate : .suspect
    }

    /// Whether the ring holds a later event of the comment that an event with this number is about.
    private func isSuperseded(_ sequence: Int64, _ event: [UInt8]) -> Bool {
        guard let comment = EventSubject(event)?.commentDigest, let newest = newestOfComment[comment],
            newest > sequence, let held = self.event(numbered: newest)
        else { return false }
        return EventSubject.isSameComment(held, event)
    }

    /// Looks up an offset. Only after the first history.
    func find(_ offset: Offset) -> OffsetLookup {
        guard let identity else { return .older }
        var sequence: Int64
        switch offset {
        case .now:
            return .found(tail, hasNews: false)
        case .beginning where isState && count > 0:
            sequence = newest - 1
        case .beginning:
            // Announcements do not tell how far the feed was cut since it was read. A ring that got a few events more
            // begins a few events too early, which is no harm; after many, the feed is asked.
            let isRecent = last - feedLast <= (feedLast - feedFloor) / 8
            guard isRecent, floor <= feedFloor, feedFloor <= last else { return .older }
            sequence = feedFloor
        case .position(let position):
            // Epochs only rise.
            guard position.epoch >= identity.epoch else { return .lost }
            var isSameFeed = position.epoch == identity.epoch && position.born == identity.born
            if position.isUnborn, position.epoch == identity.epoch {
                switch identity.judge(unbornAt: position.sequence) {
                case .lost: return .lost
                case .later: isSameFeed = false
                // All that is known of the channel is that it still has no feed.
                case .holds where isUnborn: return .found(self.position(position.sequence), hasNews: false)
                case .holds: isSameFeed = true
                }
            }
            sequence = position.after
            if isSameFeed, isPart, sequence >= last { return .older }
            guard isSameFeed, sequence <= last else { return isReadForReaders ? .lost : .unseen }
            if isState, count > 0 { break }
            if sequence < floor, sequence != last { return sequence < feedFloor ? .lost : .older }
        }
        return .found(self.position(sequence), hasNews: sequence < newest)
    }

    /// The events after a position as a JSON array of at most `answerBytes`. Only for a position that was found.
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
        let batch = EncodedBatch(
            body: body, count: end - start, next: next, reachesEnd: reachesEnd,
            changedUpTo: isReadForReaders ? feedLast : last)
        // Readers at many different positions need many bodies; only some are worth keeping.
        if batchBytes + batch.cost > 4 * limits.answerBytes || batches.count >= 256 { forgetBatches() }
        batchBytes += batch.cost
        batches[sequence] = batch
        charge()
        return batch
    }

    /// Drops encoded bodies, and then the oldest events except the newest one, until at most `budget` bytes are
    /// charged. Dropped events are read from the feed again on demand.
    ///
    /// - Returns: whether events were dropped.
    func shorten(to budget: Int) -> Bool {
        forgetBatches()
        let before = count
        while count > 1, bytes + count * RingBudget.entryOverhead > budget { dropFirst() }
        // A copy of the right size, since the purpose is to free memory.
        if count < before {
            entries = Deque(Array(entries))
            newestOfComment = Dictionary(uniqueKeysWithValues: newestOfComment.lazy.map { ($0.key, $0.value) })
        }
        charge()
        return count < before
    }

    private func position(_ sequence: Int64) -> Position {
        identity?.position(sequence) ?? Position(epoch: 0, born: 0, sequence: sequence)
    }

    /// Appends an event, and lets it take the place of older ones of the same comment.
    private func take(_ sequence: Int64, _ event: [UInt8]) {
        let subject = EventSubject(event)
        switch subject?.kind {
        case .closing, .opening:
            if let conversation, subject?.thread.elementsEqual(conversation) == true {
                isClosed = subject?.kind == .closing
            }
        case .comment, nil: break
        }
        let comment = subject?.commentDigest ?? 0
        if comment != 0, newestOfComment.updateValue(sequence, forKey: comment) != nil { supersede(comment, by: event) }
        push(Entry(sequence: sequence, event: event, comment: comment))
    }

    private func push(_ entry: Entry) {
        entries.append(entry)
        bytes += entry.event.count
    }

    /// Gives the oldest entry of the event's comment its content, and removes the others, as the feed does it. The
    /// oldest may be a change whose comment the ring no longer holds: a reader then gets the newest content twice.
    private func supersede(_ comment: Int, by event: [UInt8]) {
        var isFirst = true
        var index = 0
        while index < entries.count {
            guard entries[index].comment == comment, EventSubject.isSameComment(entries[index].event, event) else {
                index += 1
                continue
            }
            bytes -= entries[index].event.count
            if isFirst {
                entries[index].event = event
                bytes += event.count
                index += 1
            } else {
                entries.remove(at: index)
            }
            isFirst = false
        }
    }

    private func trim() {
        while count > 1, count > limits.ringEvents || bytes > limits.ringBytes {
            budget.reached(count > limits.ringEvents ? .ringEvents : .ringBytes)
            dropFirst()
        }
    }

    private func dropFirst() {
        guard let entry = entries.popFirst() else { return }
        bytes -= entry.event.count
        floor = entry.sequence
        if newestOfComment[entry.comment] == entry.sequence { newestOfComment[entry.comment] = nil }
    }

    /// Updates the bytes charged to the budget.
    private func charge() {
        let now = bytes + count * RingBudget.entryOverhead + batchBytes
        budget.add(now - charged)
        charged = now
    }

    /// Drops the encoded bodies.
    private func forgetBatches() {
        batchBytes = 0
        guard !batches.isEmpty else { return }
        batches.removeAll(keepingCapacity: true)
    }

    /// The event with a number, when the ring holds it.
    private func event(numbered sequence: Int64) -> [UInt8]? {
        let index = firstIndex(after: sequence - 1)
        return index < entries.count && entries[index].sequence == sequence ? entries[index].event : nil
    }

    /// The index of the first entry after a sequence number. Binary search, since numbers may be missing.
    private func firstIndex(after sequence: Int64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence <= sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The result of looking up a reader's offset in a ring.
enum OffsetLookup: Equatable {
    /// The offset is valid: the position that it means, and whether there are events after it.
    case found(Position, hasNews: Bool)
    /// Before the ring's first event, or after the part of a history that it holds. The feed may have it.
    case older
    /// Of an event or a feed that the ring has not seen: another process may have seen it. The feed has to be read before
    /// the offset is judged.
    case unseen
    /// Events after the offset are gone, or the offset belongs to an earlier feed of that name.
    case lost
}
