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

    /// The branch that the server continues now.
    var current: Branch { branches[branches.count - 1] }
    var newest: Int { branches.count - 1 }

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
            let event = feed.items[Int64(current.log.count) + 1] ?? -1
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
            guard let item = feed.items[number] else {
                violations.append(
                    Violation(.hole, "number \(number) is missing above the floor \(feed.floor), event \(event)"))
                continue
            }
            if event < 0 {
                branches[newest].log[Int(number) - 1] = item
            } else if item != event {
                violations.append(
                    Violation(.changed, "number \(number) was event \(event), and is event \(item) now"))
            }
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
