import DequeModule

/// Which events an `exec` program has, which wait for it, and who is to blame when it ends.
///
/// Pure: time is passed in, in milliseconds. Events are answered in the order in which they were given. An event is a
/// suspect once the program has read of it and not answered. When the program ends over one suspect, that event is to
/// blame; over several, nobody is, and the next run gets events one at a time until as many as were suspects are
/// answered. What it never read is innocent, so a program that cannot even begin costs no event an attempt.
struct ExecFlow {
    /// One event of a batch.
    struct Position: Equatable {
        let batch: Int
        let index: Int
    }

    /// Why the end of a program ends a batch, or does not.
    enum Blame: Equatable {
        /// All unanswered events are given to the next run.
        case nobody
        /// This event has cost the program its life. The rest of its batch is forgotten: its lane asks again.
        case event(Position)
        /// The program ended before it read anything. Everything is forgotten: the lanes ask again.
        case start
    }

    private struct Request {
        /// Nil when nobody wants to know the answer any more.
        var position: Position?
        let line: [UInt8]
        /// Nothing else is given to the program until this is answered.
        let isIsolated: Bool
        /// Where it begins in what this run was given.
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
    /// Bytes given to this run.
    private var given = 0
    private var hasAnswered = false
    /// Events still to be given one at a time.
    private(set) var isolatedLeft = 0
    private var runBegan: Int64 = 0
    /// Since when the first unanswered event is the first.
    private var headSince: Int64 = 0

    init(_ options: ExecOptions) {
        limit = max(1, options.inFlight)
        byteLimit = options.inFlightBytes
        timeout = options.timeout
        startTimeout = options.startTimeout
    }

    /// Whether anything is to be given or to be answered.
    var isIdle: Bool { waiting.isEmpty && inFlightRequests.isEmpty }

    /// Events that were given and not answered.
    var inFlight: Int { inFlightRequests.count }

    /// Takes a batch's events, each a line with its end.
    ///
    /// - Parameter headIsSuspect: the program has ended over the first of them before, so that it is given alone.
    mutating func ask(_ batch: Int, lines: [[UInt8]], headIsSuspect: Bool) {
        for (index, line) in lines.enumerated() {
            waiting.append(
                Request(
                    position: Position(batch: batch, index: index), line: line, isIsolated: headIsSuspect && index == 0)
            )
        }
    }

    /// Forgets a batch. Answers of those that the program has already are still awaited, and thrown away.
    mutating func withdraw(_ batch: Int) {
        waiting.removeAll { $0.position?.batch == batch }
        for index in inFlightRequests.indices where inFlightRequests[index].position?.batch == batch {
            inFlightRequests[index].position = nil
        }
    }

    /// A new run begins.
    mutating func began(at now: Int64) {
        runBegan = now
        given = 0
        hasAnswered = false
    }

    /// The next line to give, nil when there is none or the program has enough. It counts as given from now on.
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

    /// Whom the next line from the program is for.
    enum Recipient: Equatable {
        case event(Position)
        /// The event's batch was withdrawn.
        case withdrawn
        /// Nobody has asked: the stream is out of step.
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
        /// Nothing is unanswered.
        case unlimited
        /// Look again after so many milliseconds.
        case wait(Int64)
        /// The first unanswered event takes too long, or the start does.
        case over
    }

    /// - Parameter unread: bytes given to the program that it has not read.
    mutating func timeLeft(at now: Int64, unread: Int) -> TimeLeft {
        guard !inFlightRequests.isEmpty else { return .unlimited }
        if isStarting(unread), now < runBegan + startTimeout {
            // What it has not read it does not work on.
            headSince = now
            return .wait(min(timeout, runBegan + startTimeout - now))
        }
        let left = headSince + timeout - now
        return left > 0 ? .wait(left) : .over
    }

    /// The program has ended, or cannot be started.
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
        // In their order, before those that were not given yet.
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
