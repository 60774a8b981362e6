import DequeModule

/// Decides which events an `exec` program gets next, and which event is to blame when it ends.
///
/// Pure: time is passed in, in milliseconds. The program answers events in the order in which it got them. An event is
/// a suspect once the program has read any byte of it and has not answered. When the program ends with one suspect,
/// that event is blamed. With several suspects none is blamed, and the next run of the program gets events one at a
/// time until it has answered as many as there were suspects. An event that the program has not read is never blamed,
/// so a program that fails at its start costs no event an attempt.
struct ExecFlow {
    /// One event of a batch.
    struct Position: Equatable {
        let batch: Int
        let index: Int
    }

    /// What the end of the program means for the batches.
    enum Blame: Equatable {
        /// No event is blamed: the next run gets all unanswered events.
        case nobody
        /// This event is blamed. The rest of its batch is withdrawn: its lane submits it again.
        case event(Position)
        /// The program ended before it read anything. All batches are withdrawn: the lanes submit them again.
        case start
    }

    private struct Request {
        /// Nil when its batch was withdrawn: the answer is discarded.
        var position: Position?
        let line: [UInt8]
        /// The program gets no other event until it has answered this one.
        let isIsolated: Bool
        /// The offset of the line in the bytes that this run was given.
        var start = 0
    }

    private let limit: Int
    private let byteLimit: Int
    private let timeout: Int64
    private let startTimeout: Int64

    /// Not given to the program yet, in order.
    private var waiting: Deque<Request> = []
    /// Given and not answered, in order.
    private var inFlightRequests: Deque<Request> = []
    private var inFlightBytes = 0
    /// The bytes given to this run.
    private var given = 0
    private var hasAnswered = false
    /// How many more events are given one at a time.
    private(set) var isolatedLeft = 0
    private var runBegan: Int64 = 0
    /// When the first unanswered event became the first.
    private var headSince: Int64 = 0

    init(_ options: ExecOptions) {
        limit = max(1, options.inFlight)
        byteLimit = options.inFlightBytes
        timeout = options.timeout
        startTimeout = options.startTimeout
    }

    /// Whether no event waits for the program or for its answer.
    var isIdle: Bool { waiting.isEmpty && inFlightRequests.isEmpty }

    /// The number of events that were given and not answered.
    var inFlight: Int { inFlightRequests.count }

    /// Adds a batch's events, each a line with its end.
    ///
    /// - Parameter headIsSuspect: the first event was blamed for an end of the program before: it is given alone.
    mutating func ask(_ batch: Int, lines: [[UInt8]], headIsSuspect: Bool) {
        for (index, line) in lines.enumerated() {
            waiting.append(
                Request(
                    position: Position(batch: batch, index: index), line: line, isIsolated: headIsSuspect && index == 0)
            )
        }
    }

    /// Removes a batch. Answers to events that the program already has are still awaited, and discarded.
    mutating func withdraw(_ batch: Int) {
        waiting.removeAll { $0.position?.batch == batch }
        for index in inFlightRequests.indices where inFlightRequests[index].position?.batch == batch {
            inFlightRequests[index].position = nil
        }
    }

    /// A new run of the program begins.
    mutating func began(at now: Int64) {
        runBegan = now
        given = 0
        hasAnswered = false
    }

    /// The next line to give to the program, which counts as given from now on; nil when there is none or the limits of
    /// events in flight are reached.
    mutating func next(at now: Int64) -> [UInt8]? {
        guard var request = waiting.first else { return nil }
        if let head = inFlightRequests.first {
            guard isolatedLeft == 0, !request.isIsolated, !head.isIsolated, inFlightRequests.count < limit,
                inFlightBytes + request.line.count <= byteLimit
            else { return nil }
        } else {
            headSince = now
        }
        waiting.removeFirst()
        request.start = given
        inFlightRequests.append(request)
        given += request.line.count
        inFlightBytes += request.line.count
        return request.line
    }

    /// Which event the next line from the program answers.
    enum Recipient: Equatable {
        case event(Position)
        /// The event's batch was withdrawn.
        case withdrawn
        /// No event waits for an answer: the stream is out of step.
        case unexpected
    }

    var recipient: Recipient {
        guard let request = inFlightRequests.first else { return .unexpected }
        return request.position.map(Recipient.event) ?? .withdrawn
    }

    /// The first unanswered event has been answered.
    mutating func answered(at now: Int64) {
        guard let request = inFlightRequests.popFirst() else { return }
        inFlightBytes -= request.line.count
        isolatedLeft = max(0, isolatedLeft - 1)
        hasAnswered = true
        headSince = now
    }

    enum TimeLeft: Equatable {
        /// No event waits for an answer.
        case unlimited
        /// Check again after this many milliseconds.
        case wait(Int64)
        /// The first unanswered event, or the start, has taken too long.
        case over
    }

    /// How long the program may still take for its next answer.
    ///
    /// - Parameter unread: the bytes given to the program that it has not read.
    mutating func timeLeft(at now: Int64, unread: Int) -> TimeLeft {
        guard !inFlightRequests.isEmpty else { return .unlimited }
        if isStarting(unread), now < runBegan + startTimeout {
            // The time of an event begins once the program reads.
            headSince = now
            return .wait(min(timeout, runBegan + startTimeout - now))
        }
        let left = headSince + timeout - now
        return left > 0 ? .wait(left) : .over
    }

    /// The program has ended, or could not be started. Returns what this means for the batches.
    mutating func ended(unread: Int) -> Blame {
        let read = given - unread
        let isBeginning = isStarting(unread)
        let suspects = inFlightRequests.prefix(while: { $0.start < read })
        var blame = Blame.nobody
        if suspects.count > 1 {
            isolatedLeft = suspects.count
        } else if let suspect = suspects.first {
            isolatedLeft = max(0, isolatedLeft - 1)
            inFlightRequests.removeFirst()
            if let position = suspect.position { blame = .event(position) }
        } else if isBeginning {
            blame = .start
        }
        // Before the events that were not given yet, so that the order stays.
        waiting.prepend(contentsOf: inFlightRequests.filter { $0.position != nil })
        inFlightRequests.removeAll()
        inFlightBytes = 0
        given = 0
        switch blame {
        case .nobody: break
        case .event(let position): withdraw(position.batch)
        case .start: waiting.removeAll()
        }
        return blame
    }

    private func isStarting(_ unread: Int) -> Bool {
        !hasAnswered && unread >= given
    }
}
