import DequeModule

/// Decides which events an `exec` program gets next, and which event is to blame when it ends.
///
/// Pure: time is passed in, in milliseconds. An answer with a number belongs to the line with that number; one without
/// belongs to the first unanswered line, as long as the program answers in order. The program may be at most as far
/// ahead of the first unanswered line as the limits of events in flight allow.
///
/// An event is a suspect once the program has read any byte of it and has not answered. When the program ends with one suspect,
/// that event is blamed. With several suspects none is blamed, and the next run of the program gets events one at a
/// time until it has answered as many as there were suspects. An event that the program has not read is never blamed,
/// so a program that fails at its start costs no event an attempt. Nor is an event blamed for a second answer to another
/// one.
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
        /// The bytes of the line as it was given.
        var size = 0
        /// Answered before the first line in flight.
        var isAnswered = false
    }

    private let limit: Int
    private let byteLimit: Int
    private let timeout: Int64
    private let startTimeout: Int64
    private let lineNumbers: Bool

    /// Not given to the program yet, in order.
    private var waiting: Deque<Request> = []
    /// Given, in order. The first one is not answered.
    private var inFlightRequests: Deque<Request> = []
    private var inFlightBytes = 0
    /// How many of them are answered.
    private var answeredAhead = 0
    /// The number of the first of them.
    private var firstNumber = 1
    /// The program has answered out of order or twice, in this run or an earlier one: an answer without a number could
    /// be to any line in flight.
    private var needsNumbers = false
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
        lineNumbers = options.lineNumbers
    }

    /// Whether no event waits for the program or for its answer.
    var isIdle: Bool { waiting.isEmpty && inFlightRequests.isEmpty }

    /// The number of events that were given and not answered.
    var inFlight: Int { inFlightRequests.count - answeredAhead }

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
        let number = firstNumber + inFlightRequests.count
        let line = lineNumbers ? ExecLineNumber.write(number, into: request.line) : request.line
        waiting.removeFirst()
        request.start = given
        request.size = line.count
        inFlightRequests.append(request)
        given += line.count
        inFlightBytes += line.count
        return line
    }

    /// Which event an answer belongs to.
    enum Recipient: Equatable {
        case event(Position)
        /// The event's batch was withdrawn.
        case withdrawn
        /// The program is at fault: it has to be ended.
        case fault(Fault)
    }

    /// Why an answer belongs to no event.
    enum Fault: Equatable {
        /// No event waits for an answer.
        case unasked
        /// The line with this number is answered already.
        case second(Int)
        /// This run has not been given a line with this number.
        case unknown(Int)
        /// Several lines wait, and the program has answered out of order before.
        case unnumbered

        /// For the log and for dead letters: what the program wrote.
        var text: String {
            switch self {
            case .unasked: "a line that answers no event"
            case .second(let number): "a second answer to line \(number)"
            case .unknown(let number): "an answer to a line that it was not given (\(number))"
            case .unnumbered:
                "an answer without `\(ExecLineNumber.member)`, although it answers out of order"
            }
        }
    }

    /// The recipient of an answer with this number; nil: without one.
    func recipient(of number: Int?) -> Recipient {
        let index: Int
        if let number {
            guard number >= 1, number < firstNumber + inFlightRequests.count else { return .fault(.unknown(number)) }
            index = number - firstNumber
            guard index >= 0, !inFlightRequests[index].isAnswered else { return .fault(.second(number)) }
        } else {
            guard !inFlightRequests.isEmpty else { return .fault(.unasked) }
            guard !needsNumbers || inFlight == 1 else { return .fault(.unnumbered) }
            index = 0
        }
        return inFlightRequests[index].position.map(Recipient.event) ?? .withdrawn
    }

    /// The line with this number has been answered; nil: the first unanswered one.
    mutating func answered(_ number: Int?, at now: Int64) {
        let index = number.map { $0 - firstNumber } ?? 0
        guard inFlightRequests.indices.contains(index), !inFlightRequests[index].isAnswered else { return }
        inFlightRequests[index].isAnswered = true
        answeredAhead += 1
        isolatedLeft = max(0, isolatedLeft - 1)
        hasAnswered = true
        if index == 0 { headSince = now } else { needsNumbers = true }
        while let request = inFlightRequests.first, request.isAnswered {
            inFlightRequests.removeFirst()
            inFlightBytes -= request.size
            answeredAhead -= 1
            firstNumber += 1
        }
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
    ///
    /// - Parameter fault: what it was ended for, if for an answer that belongs to no event.
    mutating func ended(unread: Int, fault: Fault? = nil) -> Blame {
        let read = given - unread
        let isBeginning = isStarting(unread)
        let suspects = inFlightRequests.prefix(while: { $0.start < read }).filter { !$0.isAnswered }
        var blame = Blame.nobody
        switch fault {
        case .second:
            // The event of the second answer has its first one; those in flight have nothing to do with it.
            needsNumbers = true
        case .unnumbered:
            // One at a time, an answer without a number is clear.
            isolatedLeft = max(isolatedLeft, suspects.count)
        case .unasked, .unknown, nil:
            if suspects.count > 1 {
                isolatedLeft = suspects.count
            } else if let suspect = suspects.first {
                // The first in flight: all that were given before it are answered.
                isolatedLeft = max(0, isolatedLeft - 1)
                inFlightRequests.removeFirst()
                if let position = suspect.position { blame = .event(position) }
            } else if isBeginning {
                blame = .start
            }
        }
        // Before the events that were not given yet, so that the order stays.
        waiting.prepend(contentsOf: inFlightRequests.filter { $0.position != nil && !$0.isAnswered })
        inFlightRequests.removeAll()
        inFlightBytes = 0
        answeredAhead = 0
        firstNumber = 1
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
