internal import Redis

/// What a worker does with one lane, as a state machine: peek, transform, commit.
///
/// Pure: it is told what happened and answers what to do next. ``LaneRunner`` does it. In every state something will wake
/// it again: a reply, a timer, a change of the queue, or the worker's next connection.
struct Lane {
    enum State: Equatable {
        /// A peek is under way.
        case peeking
        /// The queue was empty and is watched.
        case asleep
        /// The stage works on the batch.
        case transforming
        /// A commit is under way.
        case committing
        /// Waits for a timer, then does `next` again.
        case waiting(next: Retry)
        /// The connection is gone: what to do when it is back.
        case disconnected(next: Retry)
        /// An operator paused it.
        case paused
        /// The lane is given back or lost: nothing more happens.
        case closed
    }

    /// What is tried again after a wait.
    enum Retry: Equatable {
        case peek
        case attempt
        case transform
        case commit
    }

    enum Input {
        /// The peek's answer: how many events, of how many bytes.
        case peeked(events: Int, bytes: Int)
        /// The peek was answered, but the lease may have ended meanwhile: peek again when a heartbeat was answered.
        case unsure
        /// The queue has changed since it was found empty.
        case wake
        /// The stage decided about so many events: about the whole batch, or about those before an event that failed. With
        /// `isNextFailed` false that event was not tried yet.
        case transformed(decided: Int, isNextFailed: Bool = true)
        /// The stage failed on the batch's first event; or it could not begin, or did not try that event yet.
        case failed(ofFirstEvent: Bool)
        case committed
        /// Before `committed`: how long the commit held the server, in microseconds.
        case measured(events: Int, microseconds: Int64)
        /// The queue does not start with the batch any more: somebody removed events by hand.
        case moved
        /// The next queue is full.
        case full
        /// Another worker has the lane.
        case fenced
        /// Redis answered a peek or a commit with an error.
        case refused(RedisError)
        case timer
        case reconnected
        /// An operator pauses the stage or lets it go on.
        case pause
        case resume
        /// The lane is to be given back as soon as nothing is in flight.
        case stop
    }

    enum Action: Equatable {
        case none
        /// Read this many events; `watched`: and have the queue's next change reported when there are none.
        case peek(count: Int, watched: Bool)
        case transform
        /// Count the attempt first, then transform: the last worker may have crashed over this event. `isolated`: while
        /// no stage works on another lane's event, so that a crash can only be this event's.
        case attempt(isolated: Bool)
        case commit
        /// Make the head event a dead letter: its attempts are used up.
        case deadLetter
        /// Wait that many milliseconds, then say `timer`.
        case wait(Int64)
        /// Give the lane back.
        case release
        /// The lane is lost already: forget it.
        case abandon
    }

    private(set) var state: State = .peeking
    /// Failures of the head event in a row.
    private(set) var failures = 0
    /// The commit under way ends before an event that has failed: the next head has a failure already.
    private var isNextHeadFailed = false
    private var isStopping = false
    private var isPausing = false
    /// Events still to be taken one by one, after a worker crashed on this lane.
    private var suspects: Int
    /// Workers that tried the head event, isolated or beside the heads of other lanes, and did not come back.
    private var losses: Int
    private var lastCount = 0
    private var averageBytes = 400
    /// Events that a batch holds while the connection is too slow for more.
    private var ceiling: Int
    /// Events that a batch holds while the server takes long for more.
    private var pace: CallPace
    private var isWatchingPeek = false
    /// What the peek that is sent with a commit asks for: fixed before the commit's answer changes the batch size.
    private(set) var following: (count: Int, watched: Bool) = (1, false)
    /// The queue changed while a peek was under way: its answer may be older than the change.
    private var isOutdated = false
    private var backoff = Backoff(base: 20, limit: 2000)
    private let limits: PipelineLimits

    /// - Parameters:
    ///   - suspect: the worker before may have died over the head of the queue.
    ///   - attempts: how often that event was begun since by workers that have not come back.
    init(limits: PipelineLimits, suspect: Bool, attempts: Int = 0) {
        self.limits = limits
        suspects = suspect ? limits.batchEvents : 0
        losses = attempts
        ceiling = limits.batchEvents
        pace = CallPace(limits: limits)
    }

    var isSuspect: Bool { suspects > 0 }

    /// How many events to read next.
    var batchSize: Int {
        isSuspect ? 1 : max(1, min(ceiling, pace.events, limits.batchBytes / max(1, averageBytes)))
    }

    /// When many lanes try their heads at once, a crash is counted for all of them. So an event is isolated from its
    /// second attempt on: it is never dead-lettered for crashes that another event may have caused.
    private var attempt: Action { .attempt(isolated: losses > 0 || limits.deaths < 3) }

    /// A short batch means that the queue is nearly empty: the next peek asks for a report of the next change as well.
    var expectsEmptiness: Bool { lastCount < max(2, batchSize / 4) }

    /// The first step.
    mutating func begin() -> Action { peek(watched: false) }

    mutating func handle(_ input: Input, using generator: inout some RandomNumberGenerator) -> Action {
        guard state != .closed else { return .none }
        switch input {
        case .peeked(let events, let bytes): return peeked(events, bytes)
        case .unsure: return unsure(&generator)
        case .wake: return wake()
        case .transformed(let decided, let isNextFailed): return commit(decided, isNextFailed)
        case .failed(let ofFirstEvent): return failed(ofFirstEvent, &generator)
        case .committed: return committed()
        case .measured(let events, let microseconds):
            pace.note(events: events, microseconds: microseconds)
            return .none
        case .moved: return moved()
        case .full: return state == .committing ? wait(for: .commit, &generator, limit: 200) : .none
        case .fenced:
            state = .closed
            return .abandon
        case .refused(let error): return refused(error, &generator)
        case .timer: return timer()
        case .reconnected: return reconnected()
        case .pause: return pause()
        case .resume: return resume()
        case .stop: return stop()
        }
    }

    private mutating func wake() -> Action {
        if state == .asleep { return peek(watched: false) }
        isOutdated = true
        return .none
    }

    private mutating func peek(watched: Bool) -> Action {
        if let rest = restIfAsked() { return rest }
        isOutdated = false
        return beginPeek(count: batchSize, watched: watched)
    }

    private mutating func beginPeek(count: Int, watched: Bool) -> Action {
        state = .peeking
        isWatchingPeek = watched
        return .peek(count: count, watched: watched)
    }

    /// A change that is reported from here on may be too late for the peek that is sent with the commit.
    private mutating func beginCommit(_ action: Action = .commit) -> Action {
        isOutdated = false
        following = (batchSize, expectsEmptiness)
        state = .committing
        return action
    }

    /// A boundary between batches: the place to stop or pause.
    private mutating func restIfAsked() -> Action? {
        if isStopping {
            state = .closed
            return .release
        }
        if isPausing {
            state = .paused
            return Action.none
        }
        return nil
    }

    private mutating func peeked(_ events: Int, _ bytes: Int) -> Action {
        guard state == .peeking else { return .none }
        lastCount = events
        guard events > 0 else {
            suspects = 0
            losses = 0
            if !isWatchingPeek || isOutdated { return peek(watched: true) }
            if let rest = restIfAsked() { return rest }
            state = .asleep
            return .none
        }
        if let rest = restIfAsked() { return rest }
        averageBytes = max(1, bytes / events)
        state = .transforming
        return isSuspect ? attempt : .transform
    }

    /// The answer took longer than the lease allows: a smaller batch takes less time.
    private mutating func unsure(_ generator: inout some RandomNumberGenerator) -> Action {
        guard state == .peeking else { return .none }
        ceiling = max(1, batchSize / 8)
        return wait(for: .peek, &generator)
    }

    private mutating func commit(_ decided: Int, _ isNextFailed: Bool) -> Action {
        guard state == .transforming else { return .none }
        isNextHeadFailed = isNextFailed && decided < lastCount
        return beginCommit()
    }

    private mutating func committed() -> Action {
        guard state == .committing else { return .none }
        failures = isNextHeadFailed ? 1 : 0
        isNextHeadFailed = false
        losses = 0
        backoff.reset()
        suspects = max(0, suspects - 1)
        ceiling = min(limits.batchEvents, ceiling + max(1, ceiling / 4))
        if let rest = restIfAsked() { return rest }
        return beginPeek(count: following.count, watched: following.watched)
    }

    /// Another event is at the head now: it has no failures yet.
    private mutating func moved() -> Action {
        guard state == .committing else { return .none }
        failures = 0
        isNextHeadFailed = false
        losses = 0
        return peek(watched: false)
    }

    private mutating func failed(_ ofFirstEvent: Bool, _ generator: inout some RandomNumberGenerator) -> Action {
        guard state == .transforming else { return .none }
        if ofFirstEvent {
            failures += 1
            if failures >= limits.attempts { return beginCommit(.deadLetter) }
        }
        // A failure is no crash: the attempt was uncounted, and is counted again.
        return wait(for: isSuspect ? .attempt : .transform, &generator)
    }

    private mutating func refused(_ error: RedisError, _ generator: inout some RandomNumberGenerator) -> Action {
        let next: Retry
        switch state {
        case .peeking: next = .peek
        case .committing: next = .commit
        case .transforming: next = .attempt
        default: return .none
        }
        if error.isUnanswered {
            state = .disconnected(next: next)
            return .none
        }
        return wait(for: next, &generator)
    }

    /// Nothing of the batch is committed, so a lane that is asked to stop stops here: the wait may be long.
    private mutating func wait(
        for next: Retry, _ generator: inout some RandomNumberGenerator, limit: Int64 = .max
    ) -> Action {
        if let rest = restIfAsked() { return rest }
        state = .waiting(next: next)
        return .wait(min(limit, backoff.next(using: &generator)))
    }

    private mutating func timer() -> Action {
        guard case .waiting(let next) = state else { return .none }
        return again(next)
    }

    private mutating func reconnected() -> Action {
        switch state {
        case .disconnected(let next), .waiting(let next): again(next)
        // The server forgets with the connection which changes it was to report.
        case .asleep, .peeking: peek(watched: false)
        default: .none
        }
    }

    private mutating func again(_ next: Retry) -> Action {
        switch next {
        case .peek:
            return peek(watched: false)
        case .attempt:
            if let rest = restIfAsked() { return rest }
            state = .transforming
            return attempt
        case .transform:
            if let rest = restIfAsked() { return rest }
            state = .transforming
            return .transform
        case .commit:
            return beginCommit()
        }
    }

    private mutating func pause() -> Action {
        isPausing = true
        guard state == .asleep else { return .none }
        state = .paused
        return .none
    }

    private mutating func resume() -> Action {
        guard isPausing else { return .none }
        isPausing = false
        return state == .paused ? peek(watched: false) : .none
    }

    private mutating func stop() -> Action {
        isStopping = true
        switch state {
        // Nothing is in flight, or the next queue is full and may stay so: the batch stays in its queue.
        case .asleep, .paused, .waiting, .peeking:
            state = .closed
            return .release
        case .disconnected:
            state = .closed
            return .abandon
        default:
            return .none
        }
    }
}
