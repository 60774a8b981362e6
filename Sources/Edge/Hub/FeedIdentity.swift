import Store

/// Which incarnation of its feed a channel has, or that it has none; and what a position is worth that was given when
/// there was none. Pure.
///
/// It rests on what Redis has written down, see `feed.swept` in docs/contract.md: times that never fall, the birth of
/// the feed, and the latest birth among the feeds that were removed before.
struct FeedIdentity: Equatable {
    /// What a position from a time without a feed is worth.
    enum Verdict: Equatable {
        /// No event was published between it and the feed's first, or until now when there is no feed.
        case holds
        /// It is later than the feed's birth: this feed was removed before the position was given.
        case later
        /// A feed may have lived and been removed since.
        case lost
    }

    /// The epoch of the server's data.
    let epoch: Int64
    /// When the feed was created, in milliseconds since 1970; 0 when there is none.
    let born: Int64
    /// The time that positions carry while there is no feed.
    let time: Int64
    /// The latest birth of a feed that was removed before this one was born, or until now when there is none.
    let swept: Int64

    /// No server gives an earlier time (September 2001). Smaller numbers stand in positions of older versions: 0, or
    /// the number of an event in the feed of another client.
    private static let earliestTime: Int64 = 1_000_000_000_000

    init(_ history: ChannelHistory) {
        epoch = history.epoch
        born = history.born
        time = history.time
        swept = history.swept
    }

    /// Whether there is no feed.
    var isUnborn: Bool { born == 0 }

    /// The position after this many events of the feed. Without a feed the number is a time that is known to be good, and
    /// the position is not before it.
    func position(_ sequence: Int64) -> Position {
        Position(epoch: epoch, born: born, sequence: isUnborn ? max(sequence, time) : sequence)
    }

    /// Judges a position of this epoch that was given when there was no feed, at this time.
    func judge(unbornAt time: Int64) -> Verdict {
        guard time >= FeedIdentity.earliestTime else {
            // Nothing was written down yet when it was given: no feed was removed, or the user may not write that. A removal
            // since is written down, but not by older libraries.
            let isKnown = isUnborn || !Position.isOfOlderLibrary(epoch: epoch)
            return time == 0 && swept == 0 && isKnown ? .holds : .lost
        }
        if !isUnborn, time > born { return .later }
        return time > swept ? .holds : .lost
    }
}
