public import Pipeline

/// What an `exec` stage is told.
public struct ExecOptions: Sendable {
    /// The program, looked up in `PATH` when it has no slash, and its arguments. No shell reads it.
    public var command: [String]
    /// How long an event may take, in milliseconds, counted from when it is the first that has no answer.
    public var timeout: Int64 = 10_000
    /// How long the program may take until it reads its first line, in milliseconds.
    public var startTimeout: Int64 = 60_000
    /// The longest line, in bytes: of an event, and of an answer.
    public var maxLine = 1 << 20
    /// Events that the program may be given before it has answered the first of them.
    public var inFlight = 512
    /// Bytes of such events; a single larger event is given alone.
    public var inFlightBytes = 1 << 20

    public init(command: [String]) {
        self.command = command
    }
}

/// `exec`: any program as a stage. It reads events on its standard input, each a JSON object on a line, and writes one
/// line for each, in the same order: an object that goes on in its place, an array of objects that all go on, or null to
/// drop it.
///
/// Events that were answered in a batch that does not get committed are asked again: a program may see an event more
/// than once.
public final class ExecStage: Stage {
    private let program: ExecProgram
    /// The batch that the program has.
    private var batch: Int?
    /// The answers to the last batch, in order, and what befell the event behind them.
    private var dispositions: [Disposition] = []
    private var failure: StageError?
    private var position = 0
    /// The event that the program ended over last.
    private var suspect: [UInt8]?

    /// - Parameter program: shared by all lanes of the stage in the worker.
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

    /// Keeps what ``process(_:context:)`` will say; returns why the batch has to wait.
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
