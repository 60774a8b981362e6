import DequeModule
internal import Redis
package import Store

/// The batches of one sender that are on their way into the first queues, several calls at once on one connection.
///
/// They are taken in their order: each call is one of a run (``EnqueueTurn``), which Redis takes only when it took the one
/// before. When one is refused, for whatever reason, those behind it are refused too, and all of them are sent again, in a
/// new run. So what was taken is always a beginning of what was given, and what is refused half-way can go on from there.
/// A batch is kept until it is known to be taken.
package struct EnqueueWindow {
    /// What an answer has shown.
    package enum Step {
        /// This many more events are in, and so all lines up to this one.
        case taken(events: Int, line: Int)
        /// Answers to calls behind a refused one are still to come.
        case waiting
        /// Nothing is under way any more, and the oldest batch was refused for this reason. Nothing is sent before
        /// ``EnqueueWindow/restart()``.
        case stuck(PipelineError)
    }

    private struct Entry {
        let events: EventBatch
        /// The last line of the input that belongs to it.
        let line: Int
    }

    /// Calls under way at most.
    private let calls: Int
    /// No batch is added to so many bytes.
    private let bytes: Int
    private let name: String
    private var attempt = 1
    /// Batches that are not known to be taken, oldest first.
    private var entries: Deque<Entry> = []
    /// How many of them were sent in this run.
    private var sent = 0
    /// How many of those were refused.
    private var refused = 0
    private var refusal: PipelineError?
    /// How many calls of this run were taken.
    private var taken = 0
    /// The events that may have been taken though no answer says so: the connection broke.
    package private(set) var uncertain = 0

    /// - Parameter name: a name that no other sender uses.
    package init(name: String, calls: Int, bytes: Int) {
        self.name = name
        self.calls = calls
        self.bytes = bytes
    }

    /// Whether a batch can be added.
    package var hasRoom: Bool {
        entries.count < calls && (entries.isEmpty || entries.reduce(0) { $0 + $1.events.bytes } < bytes)
    }

    /// Whether everything that was added is known to be taken.
    package var isEmpty: Bool { entries.isEmpty }

    /// Whether answers are still to come.
    package var isUnderWay: Bool { sent > refused }

    /// - Parameter line: the last line of the input that belongs to the batch, bad ones included.
    package mutating func add(_ events: EventBatch, through line: Int) {
        entries.append(Entry(events: events, line: line))
    }

    /// The call that is to be sent now; nil when there is none. Call it until then.
    package mutating func next() -> (events: EventBatch, turn: EnqueueTurn)? {
        guard refusal == nil, sent < entries.count else { return nil }
        defer { sent += 1 }
        return (entries[sent].events, EnqueueTurn(run: "\(name).\(attempt)", number: taken + sent))
    }

    /// The answer to the oldest call that has none.
    package mutating func answered(_ result: Result<Void, PipelineError>) -> Step {
        switch result {
        case .success:
            let entry = entries.removeFirst()
            sent -= 1
            taken += 1
            return .taken(events: entry.events.count, line: entry.line)
        case .failure(let error):
            // Behind a refused call nothing was taken, whatever became of the answer.
            let isLost = error.underlying?.isUnanswered ?? false
            if isLost, refusal.map({ $0.underlying?.isUnanswered ?? false }) ?? true {
                uncertain += entries[refused].events.count
            }
            refusal = refusal ?? error
            refused += 1
            guard refused == sent, let refusal else { return .waiting }
            return .stuck(refusal)
        }
    }

    /// Everything is to be sent again, from the oldest batch on.
    package mutating func restart() {
        (sent, refused, taken, uncertain) = (0, 0, 0, 0)
        refusal = nil
        attempt += 1
    }
}
