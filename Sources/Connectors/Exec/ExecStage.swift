public import Pipeline

/// The options of the stage `exec`.
public struct ExecOptions: Sendable {
    /// The program, looked up in `PATH` when it has no slash, and its arguments. No shell is involved.
    public var command: [String]
    /// How long the program may take for an event, in milliseconds, from when it is the first unanswered one.
    public var timeout: Int64 = 10_000
    /// How long the program may take to read its first line, in milliseconds.
    public var startTimeout: Int64 = 60_000
    /// The longest line of an event or an answer, in bytes.
    public var maxLine = 1 << 20
    /// How many events the program gets before it has answered the first of them.
    public var inFlight = 512
    /// The bytes of such events; a single larger event is given alone.
    public var inFlightBytes = 1 << 20
    /// Whether each event has the number of its line, as the member `_line`: answers that carry it may be out of order,
    /// and a second answer to a line is found.
    public var lineNumbers = true

    public init(command: [String]) {
        self.command = command
    }
}

/// `exec`: any program as a stage. It reads events from its standard input, one JSON object a line, and writes one line
/// for each event: an object that replaces the event, an array of objects that replace it, or null to drop it. Answers
/// come in the order of the events, or carry the event's `_line`.
///
/// A program may see an event more than once: when the batch is not committed, its events are submitted again.
public final class ExecStage: Stage {
    private let program: ExecProgram
    /// The number of the batch that the program works on.
    private var batch: Int?
    /// The answers to the last batch, in order, and the error of the event after them.
    private var dispositions: [Disposition] = []
    private var failure: StageError?
    private var position = 0
    /// The event that was blamed last.
    private var suspect: [UInt8]?

    /// - Parameter program: all lanes of the stage in the worker share it.
    public init(_ program: ExecProgram) {
        self.program = program
    }

    deinit {
        if let batch { program.withdraw(batch) }
    }

    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        if let batch = self.batch { program.withdraw(batch) }
        self.batch = nil
        dispositions = []
        failure = nil
        position = 0
        let asked = batch.filter(program.takes)
        guard let head = asked.first else { return ready(nil) }
        self.batch = program.submit(asked, headIsSuspect: head.raw == suspect, context: context) {
            [weak self] outcome in
            guard let self else { return }
            self.batch = nil
            ready(self.take(outcome, asked))
        }
    }

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        guard program.takes(event) else {
            return .reject(
                reason: "\(event.bytes.count) bytes are more than a line to the program may have: "
                    + "\(program.options.maxLine)")
        }
        guard position < dispositions.count else { throw failure ?? StageError("the program has not answered") }
        position += 1
        return dispositions[position - 1]
    }

    /// Stores what ``process(_:context:)`` will return. Returns the error of the whole batch, if there is one.
    private func take(_ outcome: ExecBatch.Outcome, _ asked: [Event]) -> StageError? {
        switch outcome {
        case .answered(let answers):
            dispositions = answers
            suspect = nil
            return nil
        case .blamed(let answers, let error):
            dispositions = answers
            failure = error
            suspect = asked[answers.count].raw
            return nil
        case .failed(let error):
            return error
        }
    }
}
