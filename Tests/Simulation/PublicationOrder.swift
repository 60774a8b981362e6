/// Judges in which order events appear in one channel.
///
/// The promise holds between two events of a conversation that came by the same door, when the sender of the second
/// knew that the first one was accepted. It does not hold for events that an operator moved by hand, but for versions
/// of one comment it holds then too.
struct PublicationOrder {
    private struct Conversation: Hashable {
        var thread: Int
        var door: Observation.Door
    }

    private struct Comment: Hashable {
        var thread: Int
        var comment: Int
        var door: Observation.Door
    }

    private struct Latest: Hashable {
        var offered: Int
        var number: Int
    }

    /// The published event that was offered last.
    private var latest: [Conversation: Latest] = [:]
    private var versions: [Comment: Latest] = [:]
    /// When comments appeared first, as the time at which they were accepted.
    private var created: [Comment: (number: Int, time: Int64?)] = [:]

    /// An event appeared in the channel, at a time in milliseconds.
    ///
    /// - Parameter window: how long repeats are recognised, in milliseconds; nil when that is not certain.
    mutating func publish(_ entry: EventLedger.Entry, at now: Int64, window: Int64?) -> [Violation] {
        var violations: [Violation] = []
        let event = entry.event
        let conversation = Conversation(thread: event.thread, door: entry.door)
        let comment = Comment(thread: event.thread, comment: event.comment, door: entry.door)
        if let accepted = entry.accepted {
            if !entry.isMoved, let other = latest[conversation], accepted < other.offered {
                violations.append(
                    Violation(
                        .order, "event \(event.number) was published after event \(other.number), accepted before it"))
            } else if let other = versions[comment], accepted < other.offered {
                violations.append(
                    Violation(
                        .olderVersion,
                        "event \(event.number) was published after event \(other.number), a newer version of comment "
                            + "\(event.comment) in conversation \(event.thread)"))
            }
        }
        if !entry.isMoved, latest[conversation].map({ $0.offered < entry.offered }) ?? true {
            latest[conversation] = Latest(offered: entry.offered, number: event.number)
        }
        if event.kind != .created, versions[comment].map({ $0.offered < entry.offered }) ?? true {
            versions[comment] = Latest(offered: entry.offered, number: event.number)
        }
        if event.kind == .created { violations += judgeRepeat(entry, now, window) }
        return violations
    }

    private mutating func judgeRepeat(_ entry: EventLedger.Entry, _ now: Int64, _ window: Int64?) -> [Violation] {
        // Both doors lead to the stage that recognises repeats.
        let comment = Comment(thread: entry.event.thread, comment: entry.event.comment, door: .post)
        guard let first = created[comment] else {
            created[comment] = (entry.event.number, entry.acceptedTime)
            return []
        }
        guard let window, let time = first.time, now - time < window else { return [] }
        return [
            Violation(
                .repeatPublished,
                "event \(entry.event.number) repeats event \(first.number), and was published as well")
        ]
    }
}
