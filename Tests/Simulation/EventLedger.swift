/// What became of each event that was sent in, as the oracle knows it.
struct EventLedger {
    struct Entry: Hashable {
        var event: SimulatedEvent
        var door: Observation.Door
        /// When it was offered, and when its sender knew that it was accepted: places in one order of all such moments.
        var offered: Int
        var accepted: Int?
        var acceptedTime: Int64?
        /// How often the server's data had gone back when it was offered.
        var generation: Int
        /// Whether it was seen in the data that the server has now.
        var isSeen = false
        /// Whether an operator dropped it.
        var isDropped = false
        /// Whether an operator moved it at any time: nothing is promised about its place among others.
        var isMoved = false
        /// The channels that it was published to.
        var published: Set<String> = []

        var isPublished: Bool { !published.isEmpty && published.isSuperset(of: event.channels) }
    }

    private(set) var entries: [Int: Entry] = [:]
    private(set) var generation = 0
    /// How many processes were killed from outside, and seen to die: nobody can tell that from a poisoned event.
    var kills = 0
    private var moments = 0

    mutating func offer(_ event: SimulatedEvent, door: Observation.Door) {
        moments += 1
        entries[event.number] = Entry(event: event, door: door, offered: moments, generation: generation)
    }

    mutating func accept(_ number: Int, at now: Int64) {
        moments += 1
        entries[number]?.accepted = moments
        entries[number]?.acceptedTime = now
    }

    mutating func move(_ number: Int) { entries[number]?.isMoved = true }
    mutating func drop(_ number: Int) { entries[number]?.isDropped = true }

    /// An event appeared in a channel.
    mutating func publish(_ number: Int, to channel: String) -> Violation? {
        guard let entry = entries[number] else { return nil }
        guard entry.event.channels.contains(channel) else {
            return Violation(.invented, "event \(number) was published to \(channel), which it does not belong to")
        }
        guard entries[number]?.published.insert(channel).inserted == true else {
            return Violation(.publishedTwice, "event \(number) was published twice to \(channel)")
        }
        return nil
    }

    /// The server's data went back to what it was when `saved` was kept; nil: to nothing.
    mutating func takeBack(to saved: EventLedger?) {
        generation += 1
        for number in entries.keys {
            let before = saved?.entries[number]
            entries[number]?.isSeen = before?.isSeen ?? false
            entries[number]?.isDropped = before?.isDropped ?? false
            entries[number]?.published = before?.published ?? []
        }
    }

    /// Whether the pipeline answers for the event: its sender was told that it is accepted, and no data was lost that
    /// may have contained it.
    func isOwed(_ entry: Entry) -> Bool {
        entry.accepted != nil && (entry.isSeen || entry.generation == generation)
    }

    /// Compares with what the server holds.
    mutating func compare(_ snapshot: ServerSnapshot) -> [Violation] {
        var places: [Int: [String]] = [:]
        for (key, numbers) in snapshot.queues { for number in numbers { places[number, default: []].append(key) } }
        for (key, numbers) in snapshot.dead { for number in numbers { places[number, default: []].append(key) } }
        for (key, numbers) in snapshot.held { for number in numbers { places[number, default: []].append(key) } }
        for (number, keys) in places where !keys.isEmpty { entries[number]?.isSeen = true }
        for (number, entry) in entries where !entry.published.isEmpty { entries[number]?.isSeen = true }
        var violations: [Violation] = []
        for (number, entry) in entries.sorted(by: { $0.key < $1.key }) {
            var whereabouts = (places[number] ?? []).sorted()
            if entry.isPublished {
                whereabouts.append("published")
            } else if !entry.published.isEmpty {
                let missing = entry.event.channels.filter { !entry.published.contains($0) }
                violations.append(
                    Violation(
                        .partlyPublished,
                        "event \(number) was published to \(entry.published.sorted().joined(separator: ", ")), not to "
                            + missing.joined(separator: ", ")))
                continue
            }
            if whereabouts.count > 1 {
                violations.append(
                    Violation(.twoPlaces, "event \(number) is at \(whereabouts.joined(separator: " and "))"))
            }
            if whereabouts.isEmpty, isOwed(entry), !isExplained(entry, snapshot) {
                violations.append(Violation(.lostEvent, "event \(number) was accepted, and is nowhere"))
            }
        }
        return violations + judgeLetters(snapshot)
    }

    /// Whether an event may be nowhere.
    private func isExplained(_ entry: Entry, _ snapshot: ServerSnapshot) -> Bool {
        if entry.isDropped || entry.event.behaviour == .drop { return true }
        return isRepeat(entry) || isSuperseded(entry, snapshot)
    }

    /// A comment that was created again in its conversation, by another event that counts.
    private func isRepeat(_ entry: Entry) -> Bool {
        guard entry.event.kind == .created else { return false }
        return entries.values.contains { other in
            other.event.number != entry.event.number && other.isSeen && other.event.kind == .created
                && other.event.isSameComment(as: entry.event)
        }
    }

    /// An older version of a comment that has a newer one, where the pipeline says that it dropped such.
    private func isSuperseded(_ entry: Entry, _ snapshot: ServerSnapshot) -> Bool {
        guard snapshot.dropped["superseded", default: 0] > 0 else { return false }
        if entry.event.kind == .deleted, mayFollowHeld(entry) { return true }
        return entries.values.contains { other in
            guard other.event.number != entry.event.number, other.isSeen, other.event.isSameComment(as: entry.event)
            else {
                return false
            }
            // The partition decides which is newer: of two that came by two doors, or at the same time by two edges, it
            // may be the one that was sent first.
            return other.door != entry.door || !(other.accepted.map { $0 < entry.offered } ?? false)
        }
    }

    /// Whether an event changes a comment that its stage may hold: an edit takes the place of what is held, and a deletion
    /// ends with it, since nobody has seen the comment.
    private func mayFollowHeld(_ entry: Entry) -> Bool {
        entry.event.kind != .created
            && entries.values.contains { other in
                other.event.number != entry.event.number && other.event.behaviour == .hold
                    && other.event.isSameComment(as: entry.event)
                    && !isAhead(entry, of: other)
            }
    }

    /// Whether an event has reached its partition before another one. One that was pushed waits in the list that belongs to
    /// no partition, and one that is posted later may overtake it.
    private func isAhead(_ entry: Entry, of other: Entry) -> Bool {
        guard let accepted = entry.accepted, entry.door == .post || other.door == .push else { return false }
        return accepted < other.offered
    }

    private func judgeLetters(_ snapshot: ServerSnapshot) -> [Violation] {
        var violations: [Violation] = []
        for (key, numbers) in snapshot.dead.sorted(by: { $0.key < $1.key }) {
            for number in numbers {
                guard let entry = entries[number] else { continue }
                switch entry.event.behaviour {
                case .fail, .poison: break
                case .plain, .slow, .hold, .stumble, .drop:
                    if kills >= 3 { continue }
                    violations.append(Violation(.innocentDead, "event \(number) is a dead letter in \(key)"))
                }
            }
        }
        for (key, numbers) in snapshot.held.sorted(by: { $0.key < $1.key }) {
            for number in numbers
            where entries[number].map({ $0.event.behaviour != .hold && !mayFollowHeld($0) }) == true {
                violations.append(Violation(.innocentHeld, "event \(number) is held in \(key)"))
            }
        }
        return violations
    }
}

extension SimulatedEvent {
    /// Ids of comments are unique in their conversation only.
    func isSameComment(as other: SimulatedEvent) -> Bool {
        thread == other.thread && comment == other.comment
    }
}
