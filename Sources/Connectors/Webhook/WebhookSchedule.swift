import Pipeline

/// Which event of a lane's batch is sent next, and what came of each. Pure: ``WebhookStage`` does the I/O.
///
/// - Of a conversation one event is under way at a time, and none passes one before it that has failed.
/// - New requests are started within a window of time only, so that a batch ends within that and one request's time,
///   whatever the receiver does; and none once as many have failed as may be under way: it is in trouble.
/// - What was delivered behind an event that failed is remembered: it is not sent again when the lane comes back to it.
/// - A failed event is sent again after a pause that grows: 1, 4, 16 s, then a minute, a part of it left to chance.
struct WebhookSchedule {
    /// An event as it comes in.
    struct Arrival {
        let id: WebhookID
        /// Events of the same conversation are sent in order.
        let conversation: String
        /// False: it goes on without being sent.
        let isWanted: Bool
    }

    private struct Entry {
        enum State {
            case waiting
            case inFlight
            case delivered
            /// `isReported`: the lane has counted it.
            case failed(String, isReported: Bool)
        }

        let id: WebhookID
        let conversation: String
        var state: State
        var failures = 0
        /// Not to be sent before that.
        var notBefore: Int64 = 0

        var isDelivered: Bool { if case .delivered = state { true } else { false } }

        func isReady(at now: Int64) -> Bool {
            switch state {
            case .waiting, .failed: notBefore <= now
            case .inFlight, .delivered: false
            }
        }
    }

    /// Requests under way.
    private(set) var inFlight = 0

    private let maxInFlight: Int
    private let window: Int64
    private let firstPause: Int64
    private var entries: [Entry] = []
    /// What stood behind the batch when it was longer.
    private var beyond: [Entry] = []
    /// For each entry the next one of its conversation; nil for the last.
    private var successors: [Int?] = []
    /// What may be sent now, last first.
    private var ready: [Int] = []
    private var begun: Int64 = 0
    private var failures = 0
    /// Entries from the first on that were found delivered: the lane has decided about them.
    private var decided = 0

    /// - Parameters:
    ///   - window: how long a batch may start requests, in milliseconds.
    ///   - firstPause: the longest pause after an event's first failure, in milliseconds.
    init(inFlight: Int, window: Int64 = 1000, firstPause: Int64 = 1000) {
        maxInFlight = inFlight
        self.window = window
        self.firstPause = firstPause
    }

    /// Takes a batch, with what is known of its events from the one before.
    mutating func begin(_ batch: [Arrival], at now: Int64) {
        carry(into: batch)
        begun = now
        failures = 0
        decided = 0
        successors = Array(repeating: nil, count: entries.count)
        ready = []
        var last: [String: Int] = [:]
        // A conversation's first event that is not delivered is the one that may be sent.
        var isBlocked: Set<String> = []
        for (index, entry) in entries.enumerated() {
            if let previous = last.updateValue(index, forKey: entry.conversation) { successors[previous] = index }
            if !entry.isDelivered, isBlocked.insert(entry.conversation).inserted, entry.isReady(at: now) {
                ready.append(index)
            }
        }
        ready.reverse()
    }

    /// The event to send now, which counts as under way from here on; nil when none is to be started now.
    mutating func next(at now: Int64) -> (index: Int, id: WebhookID)? {
        guard inFlight < maxInFlight, failures < maxInFlight, now < begun + window, let index = ready.popLast() else {
            return nil
        }
        entries[index].state = .inFlight
        inFlight += 1
        return (index, entries[index].id)
    }

    /// An event that was under way has its answer.
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

    /// To be asked for each event of the batch in order, once nothing is under way: returns when the event is delivered.
    ///
    /// - Throws: ``StageError`` for the first one that is not: counted when it has failed since it was last asked for.
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

    /// The longest pause after so many failures in a row, in milliseconds; half of it is the shortest.
    func pause(after failures: Int) -> Int64 {
        min(60, 1 << Int64(2 * min(failures - 1, 8))) * firstPause
    }

    private mutating func makeSuccessorReady(of index: Int, at now: Int64) {
        var successor = successors[index]
        while let next = successor, entries[next].isDelivered { successor = successors[next] }
        guard let next = successor, entries[next].isReady(at: now) else { return }
        // The earliest first: what is committed is what has no gap before it.
        var place = ready.count
        while place > 0, ready[place - 1] < next { place -= 1 }
        ready.insert(next, at: place)
    }

    /// The batch begins somewhere in what is known: behind what was decided, or further back when the lane has set an
    /// event aside. What stands before that place is committed and forgotten.
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
