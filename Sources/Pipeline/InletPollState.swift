internal import Redis

/// When to draw from an inlet, as a state machine: again at once while there are items, then when the inlet changes, and
/// not while the queue `NAME:incoming` is full.
///
/// Pure: it is told what happened and answers what to do next. ``InletPoller`` does it.
struct InletPollState {
    enum State: Equatable {
        case drawing
        /// The inlet was empty: its key is read once more, with its next change reported.
        case watching
        /// The inlet was found empty while its changes were already being reported.
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
        /// The inlet has changed since, or may have.
        case wake
        case timer
        case reconnected
        case stop
    }

    enum Action: Equatable {
        case none
        case draw
        /// Read the inlet's key and have its next change reported.
        case watch
        /// Wait that many milliseconds, then say `timer`.
        case wait(Int64)
    }

    private(set) var state: State = .drawing
    /// Changes have been reported since before the draw that is under way.
    private var isWatched = false
    /// A change was reported while the watched read was under way: the server may have forgotten that read.
    private var isOutdated = false
    private var backoff = Backoff(base: 10, limit: 1000)

    /// The longest wait for room in the queue, in milliseconds.
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
            // The server forgets with the connection what it was to report.
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
        // Taking items changed the inlet, so the one report is used up.
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
        if error.isUnanswered {
            state = .disconnected
            return .none
        }
        return wait(backoff.next(using: &generator))
    }
}
