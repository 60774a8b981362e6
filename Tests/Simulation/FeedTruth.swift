/// All that was ever published to one channel, as the oracle knows it.
///
/// A feed that is swept and born again starts a new branch, and so does a server whose data goes back: that one begins
/// with the events that the server still has. Earlier branches are kept, since positions of readers refer to them.
struct FeedTruth {
    /// What comes before a branch.
    enum Beginning: Hashable {
        case first
        /// The feed before it was removed whole.
        case swept
        /// The server's data went back. `isCut`: all connections broke, so every process knows it at once.
        case takenBack(isCut: Bool)
    }

    /// The events of a feed from its birth on, up to its end or to the moment when the server's data went back.
    struct Branch: Hashable {
        var beginning: Beginning
        /// How often the server had restarted or its data gone back when the data of this branch went back; 0 otherwise.
        var restarts = 0
        /// The birth that positions carry; nil before the first event.
        var born: Int64?
        /// The events' numbers; that with the sequence number 1 is the first.
        var log: [Int] = []
        var floor: Int64 = 0
    }

    private(set) var branches = [Branch(beginning: .first)]
    /// The events that the numbers in logs stand for, as far as they are known.
    private var events: [Int: SimulatedEvent] = [:]

    /// The branch that the server continues now.
    var current: Branch { branches[branches.count - 1] }
    var newest: Int { branches.count - 1 }

    /// What an event is that was published here, or will be.
    mutating func know(_ event: SimulatedEvent) { events[event.number] = event }

    // MARK: Comments

    /// The places in a log of later events about the comment of the one at `index`, oldest first.
    private func later(than index: Int, in log: [Int]) -> [Int] {
        guard let event = events[log[index]] else { return [] }
        return log[(index + 1)...].filter { events[$0]?.isSameComment(as: event) == true }
    }

    private func later(of item: Int, than index: Int) -> [Int] {
        current.log[(index + 1)...].filter { $0 == item }
    }

    /// Whether the event at `index` is the first of its comment in a log: the newest one stands in its place.
    private func isFirst(_ index: Int, in log: [Int]) -> Bool {
        guard let event = events[log[index]] else { return true }
        return !log[..<index].contains { events[$0]?.isSameComment(as: event) == true }
    }

    /// What a history may hold at a place of a log: the event itself; or, when later ones of its comment were published, the
    /// newest of them; or nothing, in the place of a change.
    ///
    /// A comment that is created again where nobody knows it any more (its record has expired, or its conversation has
    /// another partition now) leaves what was there, until it is changed.
    private func mayHold(_ item: Int?, at index: Int, in log: [Int]) -> Bool {
        let later = later(than: index, in: log)
        guard let newest = later.last else { return item == log[index] }
        if item == newest { return true }
        if item == nil { return mayBeGone(index, later, in: log) }
        // What followed upon it can only have been creations.
        let place = item == log[index] ? 0 : later.firstIndex { $0 == item }.map { $0 + 1 }
        return place.map { later[$0...].allSatisfy { events[$0]?.kind == .created } } ?? false
    }

    /// Whether nothing may stand in the place of an event, given the later ones of its comment: it was a change; or the
    /// comment was created again, and what stood of it before was removed by a change of that.
    private func mayBeGone(_ index: Int, _ later: [Int], in log: [Int]) -> Bool {
        !isFirst(index, in: log) || later.contains { events[$0]?.kind == .created }
    }

    /// Whether a reader may be given these events for the numbers after `start` up to `end` of a branch: each event, or a
    /// later one of its comment in its place; or none for an event of whose comment there is a later one.
    func mayGive(_ given: [Int], after start: Int, upTo end: Int, of branch: Int) -> Bool {
        let log = branches[branch].log
        guard start >= 0, end >= start, end <= log.count, given.count <= end - start else { return false }
        if given.count == end - start, log[start..<end].elementsEqual(given) { return true }
        // How many of the events may be used up by the numbers so far.
        var used: Set<Int> = [0]
        for index in start..<end {
            let later = later(than: index, in: log)
            var next: Set<Int> = !later.isEmpty && mayBeGone(index, later, in: log) ? used : []
            for count in used where count < given.count && (given[count] == log[index] || later.contains(given[count]))
            {
                next.insert(count + 1)
            }
            used = next
        }
        return used.contains(given.count)
    }

    /// A new event was announced. Gives what is wrong with its number.
    mutating func append(_ event: Int, at sequence: Int64) -> Violation? {
        if sequence == 1, !current.log.isEmpty { end() }
        let expected = Int64(current.log.count) + 1
        if sequence != expected {
            return Violation(.numbers, "event \(event) was announced with number \(sequence), expected \(expected)")
        }
        branches[newest].log.append(event)
        return nil
    }

    /// Compares with what the server holds. `published` is called for events that were not announced.
    mutating func compare(_ feed: ServerSnapshot.Feed?, published: (Int) -> Void) -> [Violation] {
        guard let feed else {
            if !current.log.isEmpty { end() }
            return []
        }
        var violations: [Violation] = []
        while Int64(current.log.count) < feed.last {
            // What was not announced may stand there, or a later version of the same comment.
            let item = feed.items[Int64(current.log.count) + 1] ?? -1
            let event = current.log.contains(item) ? -1 : item
            branches[newest].log.append(event)
            if event >= 0 { published(event) }
        }
        if Int64(current.log.count) > feed.last {
            violations.append(
                Violation(.numbers, "the last number fell from \(current.log.count) to \(feed.last)"))
        }
        if let born = current.born, born != feed.born {
            violations.append(Violation(.numbers, "the feed's birth changed from \(born) to \(feed.born)"))
        }
        branches[newest].born = feed.born
        if feed.floor < current.floor {
            violations.append(Violation(.floorFell, "the floor fell from \(current.floor) to \(feed.floor)"))
        }
        branches[newest].floor = max(current.floor, feed.floor)
        var number = feed.floor
        while number < min(feed.last, Int64(current.log.count)) {
            number += 1
            let event = current.log[Int(number) - 1]
            let item = feed.items[number]
            if event < 0 {
                // It was never announced. The last one of a comment stands at its own number.
                if let item, later(of: item, than: Int(number) - 1).isEmpty {
                    branches[newest].log[Int(number) - 1] = item
                }
                continue
            }
            if mayHold(item, at: Int(number) - 1, in: current.log) { continue }
            guard let item else {
                violations.append(
                    Violation(.hole, "number \(number) is missing above the floor \(feed.floor), event \(event)"))
                continue
            }
            let isSame = events[event].flatMap { old in events[item].map { old.isSameComment(as: $0) } } ?? false
            violations.append(
                isSame || item == event
                    ? Violation(
                        .replacedText,
                        "number \(number) is event \(item), and its comment has a newer version in this feed")
                    : Violation(.changed, "number \(number) was event \(event), and is event \(item) now"))
        }
        return violations
    }

    /// The server's data went back to what it was when `saved` was kept; nil: to nothing.
    ///
    /// - Parameter restarts: how often the server has restarted or its data gone back, with this time.
    mutating func takeBack(to saved: FeedTruth?, isCut: Bool, restarts: Int) {
        var branch = saved?.current ?? Branch(beginning: .first)
        branch.beginning = .takenBack(isCut: isCut)
        branch.restarts = restarts
        branches.append(branch)
    }

    /// The branch before whose first event a channel had no feed, as an answer says that came after the branch `first`
    /// was the newest.
    ///
    /// - Parameter restarts: as for ``takeBack(to:isCut:restarts:)``, when the answer's epoch was new.
    func branch(ofNoFeed offset: ParsedOffset, from first: Int, restarts: Int) -> Int {
        var index =
            branches.indices.last { $0 > first && isTakenBack($0) && branches[$0].restarts <= restarts } ?? first
        // No feed is born before a time that a position carries, unless it was removed before that time.
        while index < newest, branches[index + 1].beginning == .swept, let born = branches[index].born,
            born < offset.time
        {
            index += 1
        }
        return index
    }

    private func isTakenBack(_ index: Int) -> Bool {
        if case .takenBack = branches[index].beginning { true } else { false }
    }

    private mutating func end() {
        branches.append(Branch(beginning: .swept))
    }
}
