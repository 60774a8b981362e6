/// How many events a lane hands Redis in one call, so that no call holds the server for long: everybody else waits behind it.
///
/// Pure. It follows the time that the server measured for the calls before, by the event, over a few of them: a call that
/// was only interrupted says little. The first calls are small, and each may be twice as large as the one before.
struct CallPace {
    /// What the first call of a lane may hold.
    static let first = 16

    /// Events that the next call may hold.
    private(set) var events: Int
    /// What an event costs the server, in microseconds; 0: nothing was measured.
    private var cost = 0.0
    private let limits: PipelineLimits

    /// - Parameter limits: `callTime` and `batchEvents` count.
    init(limits: PipelineLimits) {
        self.limits = limits
        events = limits.callTime > 0 ? min(CallPace.first, limits.batchEvents) : limits.batchEvents
    }

    /// A call with so many events took so long on the server.
    mutating func note(events count: Int, microseconds: Int64) {
        guard limits.callTime > 0, count > 0, microseconds > 0 else { return }
        let latest = Double(microseconds) / Double(count)
        cost = cost > 0 ? cost + (latest - cost) / 4 : latest
        let most = Double(limits.callTime) * 1000 / cost
        events = max(1, min(limits.batchEvents, events * 2, Int(min(most, 1e6))))
    }
}
