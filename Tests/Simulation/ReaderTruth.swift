/// What one reader knows of its channel, as the oracle knows it: it judges each answer that the reader is given.
struct ReaderTruth {
    /// A position that an answer gave: everything before it in its branch is known to the reader, or not asked for.
    struct Position: Hashable {
        var branch: Int
        var sequence: Int
        /// As the answer wrote it.
        var offset: ParsedOffset
        var time: OracleTime
    }

    private struct Question: Hashable {
        /// The newest branch when the poll began.
        var branch: Int
        var floor: Int64
        var isFromBeginning: Bool
        /// Whether an earlier feed was gone then, and no later one was there. An edge may have its events still.
        var isBetweenFeeds: Bool
        /// Whether there was no feed. The edge's position carries the time at which it read that, which may be as old as this.
        var isUnborn: Bool
        var read: OracleTime
    }

    let channel: String
    /// Nil before the first answer and after a loss.
    private(set) var position: Position?
    private var question: Question?
    /// It missed events when the server's data went back, and nobody knew it then: it must be told in the end.
    private(set) var missed: Violation?

    init(channel: String, like other: ReaderTruth? = nil) {
        self.channel = channel
        position = other?.position
        missed = other?.missed
    }

    /// - Parameters:
    ///   - known: what the edge knows of the feed, where it is frozen: it begins there, and takes the question for one that
    ///     was asked then.
    ///   - read: when the edge may have read the channel first.
    mutating func ask(_ offset: String, in feed: FeedTruth, known: FeedTruth? = nil, read: OracleTime) {
        if offset == "-1" || offset == "now" { (position, missed) = (nil, nil) }
        question = Question(
            branch: (known ?? feed).newest, floor: (known ?? feed).current.floor, isFromBeginning: offset == "-1",
            isBetweenFeeds: feed.newest > 0 && feed.current.log.isEmpty,
            isUnborn: (known ?? feed).current.log.isEmpty, read: read)
    }

    mutating func giveUp() { question = nil }

    var isAnswered: Bool { question == nil }
    var hasPosition: Bool { position != nil }

    // MARK: Answers

    /// The reader was answered.
    ///
    /// - Parameter restarts: how often the server had restarted or its data gone back when the epoch of a position was new.
    mutating func answer(
        _ events: [Int], next: String, in feed: FeedTruth, at time: OracleTime, restarts: (ParsedOffset) -> Int
    ) -> Violation? {
        guard let question else { return nil }
        self.question = nil
        guard let offset = ParsedOffset(next) else {
            return Violation(.badPosition, "the new position is no offset: \(next)")
        }
        let found =
            position.map { follow($0, events, offset, feed) } ?? start(question, events, offset, restarts(offset), feed)
        switch found {
        case .failure(let violation):
            // Judge the next answers from here, as far as that is possible.
            position = nil
            return violation
        case .success(let place):
            position = Position(
                branch: place.branch, sequence: place.sequence, offset: offset, time: time)
            return place.violation
        }
    }

    private struct Place {
        var branch: Int
        var sequence: Int
        var violation: Violation?
    }

    private typealias Found = Swift.Result<Place, Violation>

    /// An answer to a reader without a position.
    private func start(
        _ question: Question, _ events: [Int], _ offset: ParsedOffset, _ restarts: Int, _ feed: FeedTruth
    ) -> Found {
        if offset.isUnborn {
            guard events.isEmpty else {
                return .failure(Violation(.invented, "events \(events) of a feed that does not exist"))
            }
            let branch = feed.branch(ofNoFeed: offset, from: question.branch, restarts: restarts)
            return .success(Place(branch: branch, sequence: 0))
        }
        var reason: Violation?
        var start = offset.sequence - events.count
        for index in feed.branches.indices.reversed() where feed.branches[index].born == offset.born {
            let branch = feed.branches[index]
            // Changes leave holes, so more numbers may be in the answer than events. From the floor on is the reader's
            // best case; an edge may hold more than that.
            let highest = max(0, offset.sequence - events.count)
            let floor = min(highest, question.isFromBeginning ? Int(branch.floor) : highest)
            let starts = Array((0...floor).reversed()) + Array(floor...highest).dropFirst()
            guard
                let found = starts.first(where: {
                    feed.mayGive(events, after: $0, upTo: offset.sequence, of: index)
                })
            else { continue }
            start = found
            if question.isFromBeginning, start > Int(branch.floor) {
                reason = Violation(
                    .gap,
                    "a reader from the beginning got number \(start + 1) first, and number \(branch.floor + 1) is kept")
                continue
            }
            return .success(Place(branch: index, sequence: offset.sequence))
        }
        return .failure(reason ?? explain(events, from: start, offset, feed.branches[feed.newest], known: [], feed))
    }

    /// An answer to a reader that had a position.
    private mutating func follow(
        _ from: Position, _ events: [Int], _ offset: ParsedOffset, _ feed: FeedTruth
    ) -> Found {
        if offset.isUnborn {
            guard events.isEmpty else {
                return .failure(Violation(.invented, "events \(events) of a feed that does not exist"))
            }
            if from.sequence == 0 { return .success(Place(branch: from.branch, sequence: 0)) }
            if from.branch == feed.newest {
                return .failure(
                    Violation(
                        .badPosition, "the reader of \(channel) at number \(from.sequence) was told of no feed at all"))
            }
            return cross(from, to: feed.newest, start: 0, end: 0, events, feed)
        }
        let old = feed.branches[from.branch]
        if old.born == offset.born,
            feed.mayGive(events, after: from.sequence, upTo: offset.sequence, of: from.branch)
        {
            return .success(Place(branch: from.branch, sequence: offset.sequence))
        }
        for index in feed.branches.indices where index > from.branch && feed.branches[index].born == offset.born {
            // A feed that went back has the same birth, and its numbers go on.
            let start = old.born == offset.born ? from.sequence : 0
            guard feed.mayGive(events, after: start, upTo: offset.sequence, of: index) else { continue }
            return cross(from, to: index, start: start, end: offset.sequence, events, feed)
        }
        let known = Set(old.log.prefix(from.sequence))
        return .failure(explain(events, from: from.sequence, offset, old, known: known, feed))
    }

    /// The reader goes on in another branch, and was not told: fine if it misses nothing and gets nothing again.
    private mutating func cross(
        _ from: Position, to index: Int, start: Int, end: Int, _ events: [Int], _ feed: FeedTruth
    ) -> Found {
        let old = feed.branches[from.branch]
        let new = feed.branches[index]
        let known = Set(old.log.prefix(from.sequence))
        var missed = Set(old.log.dropFirst(from.sequence)).union(new.log.prefix(start))
        if from.branch + 1 < index {
            for between in feed.branches[(from.branch + 1)..<index] { missed.formUnion(between.log) }
        }
        missed.subtract(known)
        missed.subtract(new.log.dropFirst(start))
        let again = known.intersection(events)
        var place = Place(branch: index, sequence: end)
        if missed.isEmpty, again.isEmpty { return .success(place) }
        let violation = Violation(
            .notTold,
            "the reader of \(channel) at number \(from.sequence) got \(events) of a later feed as if nothing had "
                + "happened"
                + (missed.isEmpty ? "" : ", and missed events \(missed.sorted())")
                + (again.isEmpty ? "" : ", and got events \(again.sorted()) again"))
        if from.branch < index, feed.branches[(from.branch + 1)...index].contains(where: \.beganUnnoticed) {
            self.missed = self.missed ?? violation
        } else {
            place.violation = violation
        }
        return .success(place)
    }

    /// Says what is wrong with an answer that fits nowhere.
    private func explain(
        _ events: [Int], from start: Int, _ offset: ParsedOffset, _ branch: FeedTruth.Branch, known: Set<Int>,
        _ feed: FeedTruth
    ) -> Violation {
        let text =
            "the reader of \(channel) at number \(start) got events \(events) and number \(offset.sequence) of the feed "
            + "born \(offset.born); the feed born \(branch.born ?? 0) goes on there with "
            + "\(branch.log.dropFirst(max(0, start)).prefix(events.count + 8))"
        if !Set(feed.branches.flatMap(\.log)).isSuperset(of: events) { return Violation(.invented, text) }
        if Set(events).count < events.count || !known.isDisjoint(with: events) { return Violation(.repeated, text) }
        let isSkipping = offset.sequence > start + events.count || !branch.contains(events, from: start)
        return Violation(offset.born == branch.born && !isSkipping ? .badPosition : .gap, text)
    }

    // MARK: Losses

    /// The reader was told that its position is lost.
    ///
    /// - Parameters:
    ///   - times: now, and before that the moments at which the server's clock stepped back.
    ///   - ttl: the shortest time that an idle feed was kept so far, in milliseconds.
    ///   - restarts: how often the server has restarted or its data gone back.
    ///   - wasReread: whether an edge may have had to read its channels again so far.
    ///   - epochIsOld: whether that happened since the epoch of a position was new.
    mutating func lose(
        in feed: FeedTruth, at times: [OracleTime], ttl: Int64, restarts: Int, wasReread: Bool,
        epochIsOld: (ParsedOffset) -> Bool
    ) -> Violation? {
        guard let question else { return nil }
        self.question = nil
        let owed = missed != nil
        guard let position else {
            // The edge may have found where it begins, and lost that while the poll was held: by a cut or a sweep, or when
            // it noticed a restart, which may have been before the question.
            if question.branch < feed.newest || restarts > 0 || question.floor < feed.current.floor { return nil }
            // It began at the end of a feed that was gone, of which the edge had not heard. The next feed has begun since, or
            // the edge read its channels again, and cannot know whether that feed had more events.
            if question.isBetweenFeeds, wasReread || !feed.current.log.isEmpty { return nil }
            if question.isUnborn, Self.age(since: question.read, at: times) >= ttl { return nil }
            return Violation(.unfoundedLoss, "a reader of \(channel) that asked for no position lost it")
        }
        self.position = nil
        missed = nil
        if owed || position.branch < feed.newest || epochIsOld(position.offset) { return nil }
        if position.sequence < Int(feed.current.floor) { return nil }
        if position.offset.isUnborn {
            if age(of: position, at: times) >= ttl { return nil }
        }
        return Violation(
            .unfoundedLoss,
            "the reader of \(channel) lost its position at number \(position.sequence), and nothing after it is gone "
                + "(the floor is \(feed.current.floor), the last number \(feed.current.log.count))")
    }

    /// How old a position from a time without a feed is: such a position holds about as long as an idle feed. It carries
    /// the server's time, and counts from there; by the clock, or by the time that has passed, whichever is more. Where
    /// the clock had shown that time and was put back, an edge may have read it before that: it reads a channel without a
    /// feed again only every ten minutes.
    private func age(of position: Position, at times: [OracleTime]) -> Int64 {
        let carried = position.offset.time
        let given = carried > 0 ? min(carried, position.time.server) : position.time.server
        let read = times.first { carried > 0 && $0.server >= carried }?.monotonic ?? .max
        let start = OracleTime(monotonic: min(position.time.monotonic, read), server: given)
        return Self.age(since: start, at: times)
    }

    private static func age(since start: OracleTime, at times: [OracleTime]) -> Int64 {
        times.lazy.filter { $0.monotonic >= start.monotonic }
            .map { max($0.monotonic - start.monotonic, $0.server - start.server) }.max() ?? 0
    }

    // MARK: The end

    /// What is wrong when the faults have stopped, and the reader has asked until it was up to date.
    func conclude(in feed: FeedTruth) -> Violation? {
        if question != nil { return Violation(.readerStuck, "the reader of \(channel) is not answered") }
        if let missed { return missed }
        guard let position else { return nil }
        if position.branch == feed.newest, position.sequence == feed.current.log.count { return nil }
        if position.branch < feed.newest {
            // It was neither told nor given anything, while the server went on without it.
            let old = feed.branches[position.branch]
            var passed = Set(old.log.dropFirst(position.sequence))
            for branch in feed.branches[(position.branch + 1)...] { passed.formUnion(branch.log) }
            passed.subtract(old.log.prefix(position.sequence))
            if passed.isEmpty { return nil }
            return Violation(
                .notTold,
                "the reader of \(channel) stays at number \(position.sequence) of an earlier feed, and events "
                    + "\(passed.sorted()) passed it by")
        }
        return Violation(
            .readerStuck,
            "the reader of \(channel) stays at number \(position.sequence), and the last number is "
                + "\(feed.current.log.count)")
    }
}

/// The time of an observation.
struct OracleTime: Hashable {
    /// Milliseconds since the start.
    var monotonic: Int64
    /// Milliseconds since 1970, by the server's clock.
    var server: Int64
}

extension FeedTruth.Branch {
    /// Whether these events follow a sequence number.
    func contains(_ events: [Int], from start: Int) -> Bool {
        guard start >= 0, start + events.count <= log.count else { return false }
        return log[start..<(start + events.count)].elementsEqual(events)
    }

    /// Whether the server's data went back without a sign.
    fileprivate var beganUnnoticed: Bool { beginning == .takenBack(isCut: false) }
}

/// An offset as a reader sees it: docs/contract.md, Offsets.
struct ParsedOffset: Hashable {
    var epoch: Int64
    var born: Int64
    /// 0 where the channel had no feed.
    var sequence: Int
    /// Where the channel had no feed: the server's time when that was seen, in milliseconds; 0 when it is not known.
    var time: Int64

    init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, let epoch = Int64(parts[0]), let born = Int64(parts[1]), let sequence = Int(parts[2])
        else { return nil }
        self.epoch = epoch
        self.born = born
        self.sequence = born == 0 ? 0 : sequence
        time = born == 0 ? Int64(sequence) : 0
    }

    /// Whether the channel had no feed when it was given.
    var isUnborn: Bool { born == 0 }
}
