/// A breach of the promise that the oracle saw.
package struct Violation: Error, Hashable, CustomStringConvertible {
    /// What is promised: to senders, about feeds, to readers, to operators.
    package enum Rule: String, CaseIterable {
        // To senders.

        /// An accepted event is in a queue, published, dropped with a reason, held or dead.
        case lostEvent = "lost-event"
        /// It is in one of these places, not in two.
        case twoPlaces = "two-places"
        /// It is published to all of its channels or to none.
        case partlyPublished = "partly-published"
        /// It is published once.
        case publishedTwice = "published-twice"
        /// A repeat within the window is not published.
        case repeatPublished = "repeat-published"
        /// Events of a conversation are published in the order in which they were accepted.
        case order = "order"
        /// An older version of a comment is not published after a newer one.
        case olderVersion = "older-version"
        /// Only an event that fails by itself becomes a dead letter.
        case innocentDead = "innocent-dead"
        /// Only an event that its stage holds is held.
        case innocentHeld = "innocent-held"

        // About feeds.

        /// Sequence numbers have no gap and no repeat.
        case numbers = "numbers"
        /// The floor of a feed does not fall.
        case floorFell = "floor-fell"
        /// Above the floor no event is missing, unless its comment has a later one.
        case hole = "hole"
        /// The epoch changes only when the server restarted or its data went back, and never falls.
        case epoch = "epoch"
        /// What a number stands for does not change, but to a newer version of the same comment.
        case changed = "changed"
        /// A text that was replaced or deleted is not kept where a later reader would be given it.
        case replacedText = "replaced-text"

        // To readers.

        /// A reader is given each event after its position, unless it is told that events are lost.
        case gap = "gap"
        /// A reader is given no event twice.
        case repeated = "repeated"
        /// A reader is given no event that was never published there.
        case invented = "invented"
        /// The new position fits what was given.
        case badPosition = "bad-position"
        /// A reader is told when events after its position were lost, by a server that lost data or with a feed.
        case notTold = "not-told"
        /// A reader is told that its position is lost only if it may have missed something.
        case unfoundedLoss = "unfounded-loss"

        // When the faults have stopped, and time has passed.

        /// No event waits.
        case stuck = "stuck"
        /// Dead letters and held events are where operators find them.
        case unreachable = "unreachable"
        /// A reader reaches the end of its channel.
        case readerStuck = "reader-stuck"
        /// Edges are ready.
        case notReady = "not-ready"
        /// The pipeline's configuration stands in Redis.
        case noConfiguration = "no-configuration"
    }

    package var rule: Rule
    /// What happened, in a sentence.
    package var detail: String

    package init(_ rule: Rule, _ detail: String) {
        self.rule = rule
        self.detail = detail
    }

    package var description: String { "\(rule.rawValue): \(detail)" }
}
