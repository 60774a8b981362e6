internal import Redis

/// When to draw from a source, as a state machine: as long as something comes at once, then when the source is changed,
/// and not while the door is full.
///
/// Pure: it is told what happened and answers what to do next. ``InletPoller`` does it.
struct InletPollState {
    enum State: Equatable {
        case drawing
        /// The source was empty: it is being read once more, watched.
        case watching
        /// Empty, and watched since before it was found so.
        case asleep
        case waiting
        case disconnected
        case closed
    }

    enum Input {
        /// So many items were seen.
        case drawn(Int)
        case full
        case fenced
        case refused(RedisError)
        /// The watched read was answered.
        case watched
        /// The source has changed since, or may have.
        case wake
        case timer
        case reconnected
        case stop
    }

    enum Action: Equatable {
        case none
        case draw
        /// Read the source's key and have its next change told.
        case watch
        /// Wait that many milliseconds, then say `timer`.
        case wait(Int64)
    }

    private(set) var state: State = .drawing
    /// A watch is in force since before the draw that is under way.
    private var isWatched = false
    /// Something was told while the watched read was under way: that read may not have been remembered.
    private var isOutdated = false
    private var backoff = Backoff(base: 10, limit: 1000)

    /// The longest wait for room at the door, in milliseconds.
    private static let longestWaitForRoom: Int64 = 100

    mutating func begin() -> Action { draw() }

    mutating func handle(_ input: Input, using generator: inout some RandomNumberGenerator) -> Action {
        guard state != .closed else { return .none }
        switch input {
        case .drawn(let count): return drawn(count)
        case .full:
            return state == .drawing
                ? wait(min(InletPollState.longestWaitForRoom, backoff.next(using: &generator))) : .none
        case .refused(let error): return refused(error, &generator)
        case .watched:
            guard state == .watching else { return .none }
            isWatched = !isOutdated
            return draw()
        case .wake:
            isWatched = false
            isOutdated = true
            return state == .asleep ? draw() : .none
        case .timer: return state == .waiting ? draw() : .none
        case .reconnected:
            // What was watched is forgotten with the connection.
            isWatched = false
            return draw()
        case .fenced, .stop:
            state = .closed
            return .none
        }
    }

    private mutating func draw() -> Action {
        state = .drawing
        return .draw
    }

    private mutating func drawn(_ count: Int) -> Action {
        guard state == .drawing else { return .none }
        backoff.reset()
        // What was taken has changed the source: the watch is spent.
        if count > 0 {
            isWatched = false
            return draw()
        }
        state = isWatched ? .asleep : .watching
        isOutdated = false
        return isWatched ? .none : .watch
    }

    private mutating func wait(_ milliseconds: Int64) -> Action {
        state = .waiting
        return .wait(milliseconds)
    }

    private mutating func refused(_ error: RedisError, _ generator: inout some RandomNumberGenerator) -> Action {
        guard state == .drawing || state == .watching else { return .none }
        if error.code == .disconnected || error.code == .timeout {
            state = .disconnected
            return .none
        }
        return wait(backoff.next(using: &generator))
    }
}
