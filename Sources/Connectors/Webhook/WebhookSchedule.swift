import Pipeline

/// Decides which event of a lane's batch is sent next, and keeps the state of each. Pure: ``WebhookStage`` does the
/// I/O.
///
/// - A conversation has one event in flight at a time, and no event is sent before an earlier one that has failed.
/// - Requests start only within a window of time, so a batch takes at most the window and the time of one request,
///   whatever the receiver does. No more start once as many have failed as may be in flight: the receiver has a
///   problem.
/// - Events that were delivered after one that failed are remembered, and not sent again with the lane's next batch.
/// - A failed event is sent again after a growing pause: 1, 4, 16 s, then a minute, each with jitter.
struct WebhookSchedule {
    /// An event of a batch.
    struct Arrival {
        let id: WebhookID
        /// Events with the same conversation are sent in order.
        let conversation: String
        /// False: the event passes without being sent.
        let isWanted: Bool
    }

    private struct Entry {
        enum State {
            case waiting
            case inFlight
            case delivered
            /// `isReported`: the lane has counted this failure.
            case failed(String, isReported: Bool)
        }

        let id: WebhookID
        let conversation: String
        var state: State
        var failures = 0
        /// The earliest time to send it.
        var notBefore: Int64 = 0

        var isDelivered: Bool { if case .delivered = state { true } else { false } }

        func isReady(at now: Int64) -> Bool {
            switch state {
            case .waiting, .failed: notBefore <= now
            case .inFlight, .delivered: false
            }
        }
    }

    /// The number of requests in flight.
    private(set) var inFlight = 0

    private let maxInFlight: Int
    private let window: Int64
    private let firstPause: Int64
    private var entries: [Entry] = []
    /// The events after the batch that an earlier, longer batch had.
    private var beyond: [Entry] = []
    /// For each entry the index of the next one of its conversation; nil for the last.
    private var successors: [Int?] = []
    /// The entries that may be sent now, in reverse order.
    private var ready: [Int] = []
    private var begun: Int64 = 0
    private var failures = 0
    /// How many entries, from the first on, the lane has decided about.
    private var decided = 0

    /// - Parameters:
    ///   - window: how long after its begin a batch may start requests, in milliseconds.
    ///   - firstPause: the longest pause after an event's first failure, in milliseconds.
    init(inFlight: Int, window: Int64 = 1000, firstPause: Int64 = 1000) {
        maxInFlight = inFlight
        self.window = window
        self.firstPause = firstPause
    }

    /// Begins a batch, and keeps what is known about its events from the previous one.
    mutating func begin(_ batch: [Arrival], at now: Int64) {
        carry(into: batch)
        begun = now
        failures = 0
        decided = 0
        successors = Array(repeating: nil, count: entries.count)
        ready = []
        var last: [String: Int] = [:]
        // Only the first undelivered event of a conversation may be sent.
        var isBlocked: Set<String> = []
        for (index, entry) in entries.enumerated() {
            if let previous = last.updateValue(index, forKey: entry.conversation) { successors[previous] = index }
            if !entry.isDelivered, isBlocked.insert(entry.conversation).inserted, entry.isReady(at: now) {
                ready.append(index)
            }
        }
        ready.reverse()
    }

    /// The event to send now, which counts as in flight from now on; nil when none may be sent now.
    mutating func next(at now: Int64) -> (index: Int, id: WebhookID)? {
        guard inFlight < maxInFlight, failures < maxInFlight, now < begun + window, let index = ready.popLast() else {
            return nil
        }
        entries[index].state = .inFlight
        inFlight += 1
        return (index, entries[index].id)
    }

    /// Records the outcome of an event that was in flight.
    mutating func finished(
        _ index: Int, _ outcome: WebhookOutcome, at now: Int64, using generator: inout some RandomNumberGenerator
    ) {
        inFlight -= 1
        switch outcome {
        case .delivered:
            entries[index].state = .delivered
            makeSuccessorReady(of: index, at: now)
        case .failed(let message, let asked):
            failures += 1
            entries[index].failures += 1
            let pause = pause(after: entries[index].failures)
            let drawn = Int64.random(in: (pause / 2)...pause, using: &generator)
            entries[index].notBefore = now + max(drawn, asked ?? 0)
            entries[index].state = .failed(message, isReported: false)
        }
    }

    /// Returns when the next event of the batch is delivered. Call it for each event in order, once none is in flight.
    ///
    /// - Throws: ``StageError`` for the first event that is not delivered. It counts as an attempt when the event has
    ///   failed since the last call.
    mutating func decide() throws(StageError) {
        guard decided < entries.count else { throw StageError.notYet("the event is not in the batch") }
        switch entries[decided].state {
        case .delivered:
            decided += 1
        case .failed(let message, isReported: false):
            entries[decided].state = .failed(message, isReported: true)
            throw StageError(message)
        case .failed(let message, isReported: true):
            throw StageError.notYet("waits to be sent again: \(message)")
        case .waiting, .inFlight:
            throw StageError.notYet("waits to be sent")
        }
    }

    /// The longest pause after this many failures in a row, in milliseconds; the shortest is half of it.
    func pause(after failures: Int) -> Int64 {
        min(60, 1 << Int64(2 * min(failures - 1, 8))) * firstPause
    }

    private mutating func makeSuccessorReady(of index: Int, at now: Int64) {
        var successor = successors[index]
        while let next = successor, entries[next].isDelivered { successor = successors[next] }
        guard let next = successor, entries[next].isReady(at: now) else { return }
        // Earlier events first: a commit ends at the first undelivered event.
        var place = ready.count
        while place > 0, ready[place - 1] < next { place -= 1 }
        ready.insert(next, at: place)
    }

    /// Takes over the state of events that the previous batch had. The new batch begins after the decided events, or
    /// later when the lane has dead-lettered one. The events before its begin are committed, and dropped here.
    private mutating func carry(into batch: [Arrival]) {
        let known = entries[min(decided, entries.count)...] + beyond
        var start = known.startIndex
        while start < known.endIndex, !zip(known[start...], batch).allSatisfy({ $0.id == $1.id }) { start += 1 }
        let kept = known[start...].prefix(batch.count)
        beyond = Array(known[kept.endIndex...])
        entries = Array(kept)
        for arrival in batch.dropFirst(kept.count) {
            entries.append(
                Entry(
                    id: arrival.id, conversation: arrival.conversation,
                    state: arrival.isWanted ? .waiting : .delivered))
        }
    }
}
