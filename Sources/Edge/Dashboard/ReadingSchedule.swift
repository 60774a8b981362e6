/// Decides when the pipeline's state is read anew. Pure.
///
/// All who look share a reading; it is made when somebody asks and the last one is old. The age allowed grows with what a
/// reading costs, so that looking never takes more than a fiftieth of Redis' time.
struct ReadingSchedule {
    /// What to do for somebody who asks.
    enum Action: Equatable {
        /// The last reading is new enough.
        case useLatest
        /// Begin a reading, and wait for it.
        case read
        /// One is under way: wait for it.
        case wait
    }

    /// The youngest age at which a reading is made anew, in ms.
    static let interval: Int64 = 2000
    /// A reading is good for so many times the time that it took.
    static let patience: Int64 = 50
    /// The oldest age at which one is still good, in ms.
    static let longest: Int64 = 10_000

    private var began: Int64?
    private var arrived: Int64?
    private var cost: Int64 = 0

    /// How long a reading is good, in ms.
    var lifetime: Int64 { min(max(Self.interval, cost * Self.patience), Self.longest) }

    /// Somebody asks.
    ///
    /// - Parameter now: monotonic, in ms.
    mutating func wanted(at now: Int64) -> Action {
        if began != nil { return .wait }
        if let arrived, now - arrived < lifetime { return .useLatest }
        began = now
        return .read
    }

    /// The reading has come.
    ///
    /// - Parameter hasAnswer: false when Redis has said nothing: waiting for it is no work of its.
    mutating func came(at now: Int64, hasAnswer: Bool) {
        cost = hasAnswer ? now - (began ?? now) : 0
        began = nil
        arrived = now
    }
}
