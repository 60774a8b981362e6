import Events
import Glibc
import JSON
import Logging
import Pipeline
import Redis

/// The program of an `exec` stage: one process for all lanes of the stage in a worker.
///
/// The first batch starts it; when it ends, it is started again with backoff. It gets the batches of all lanes one
/// after the other. ``ExecFlow`` decides what the program gets and which event is to blame for its end; this class does
/// the I/O. Everything happens on the worker's thread. The process ends with this object, or with the worker at the
/// latest.
public final class ExecProgram {
    let options: ExecOptions

    private enum Phase {
        /// There is no process, and one may be started.
        case idle
        case running(ExecChild)
        /// The process is being killed, or is about to end: its output is ignored.
        case ending(ExecChild, ExecEnding?)
        /// The process has ended: the next start waits for the timer.
        case backingOff
    }

    /// The worker's part, known since the first batch.
    private struct Host {
        let stage: String
        let loop: EventLoop
        let logger: Logger
        let timer: Timer
    }

    private var phase = Phase.idle
    private var flow: ExecFlow
    private var batches: [Int: ExecBatch] = [:]
    private var lastBatch = 0
    private var host: Host?
    private var output: LineSplitter
    private var errors = LineSplitter(maxLine: ExecProgram.maxErrorLine)
    private let parser: JSONParser
    private var backoff: Backoff
    private let grace: Int64
    private var generator = SystemRandomNumberGenerator()
    private var startedAt: Int64 = 0
    /// The longest line of an answer, in bytes.
    private let maxAnswer: Int

    /// Longer lines of standard error are cut in the log, in bytes.
    private static let maxErrorLine = 4096

    public convenience init(_ options: ExecOptions) {
        self.init(options, backoff: Backoff(base: 50, limit: 5000), grace: 1000)
    }

    /// - Parameters:
    ///   - backoff: how long to wait before each new start.
    ///   - grace: how long a program that has closed a pipe, or was killed, may take to end, in milliseconds.
    init(_ options: ExecOptions, backoff: Backoff, grace: Int64) {
        self.options = options
        self.backoff = backoff
        self.grace = grace
        flow = ExecFlow(options)
        maxAnswer = options.maxLine + (options.lineNumbers ? ExecLineNumber.room : 0)
        output = LineSplitter(maxLine: maxAnswer)
        parser = JSONParser(maxBytes: maxAnswer)
    }

    /// The process id of the program; nil while it does not run.
    public var pid: Int32? {
        switch phase {
        case .running(let child), .ending(let child, _): child.pid
        case .idle, .backingOff: nil
        }
    }

    // MARK: For the stages

    /// Has the program answer the events of a batch. Calls `completion` once, unless the batch is withdrawn; before this
    /// returns when the program cannot be started.
    ///
    /// - Parameter headIsSuspect: the first event was blamed for an end of the program before.
    /// - Returns: the number of the batch, for ``withdraw(_:)``.
    func submit(
        _ events: [Event], headIsSuspect: Bool, context: StageContext,
        completion: @escaping (ExecBatch.Outcome) -> Void
    ) -> Int {
        if host == nil {
            let timer = Timer(on: context.loop) { [unowned self] in self.timerFired() }
            host = Host(stage: context.stage, loop: context.loop, logger: context.logger, timer: timer)
        }
        lastBatch += 1
        batches[lastBatch] = ExecBatch(events: events, completion: completion)
        let lines = events.map { options.lineNumbers ? ExecLineNumber.line(of: $0) : $0.line + [UInt8(ascii: "\n")] }
        flow.ask(lastBatch, lines: lines, headIsSuspect: headIsSuspect)
        pump()
        return lastBatch
    }

    /// Withdraws a batch: its completion is not called.
    func withdraw(_ batch: Int) {
        guard batches.removeValue(forKey: batch) != nil else { return }
        flow.withdraw(batch)
        pump()
    }

    /// Whether the event fits the longest line that the program may get.
    func takes(_ event: Event) -> Bool {
        event.bytes.count <= options.maxLine
    }

    // MARK: Writing events and reading answers

    /// Writes the events that the program may have, and starts it when it does not run.
    private func pump() {
        guard let host, !flow.isIdle else { return }
        if case .idle = phase { start(host) }
        guard case .running(let child) = phase else { return }
        let now = Clock.monotonicMilliseconds()
        while let line = flow.next(at: now) { child.write(line) }
        child.flush()
        if case .running = phase, flow.inFlight > 0, !host.timer.isScheduled {
            host.timer.schedule(after: options.timeout)
        }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        let now = Clock.monotonicMilliseconds()
        output.append(bytes) { line in
            guard case .running = phase else { return false }
            take(line, at: now)
            return true
        }
        pump()
    }

    private func take(_ line: LineSplitter.Line, at now: Int64) {
        guard case .whole(let bytes) = line else {
            return stop(.invalidAnswer("a line of more than \(options.maxLine) bytes"))
        }
        do {
            let answer = try parser.parse(bytes)
            let number = options.lineNumbers ? try ExecLineNumber.read(from: answer) : nil
            switch flow.recipient(of: number) {
            case .fault(let fault): stop(.outOfStep(fault, answer: ExecAnswer.excerpt(bytes)))
            case .withdrawn: flow.answered(number, at: now)
            case .event(let position):
                guard let event = batches[position.batch]?.events[position.index] else {
                    return flow.answered(number, at: now)
                }
                let disposition = try ExecAnswer.disposition(of: answer, to: event, isNumbered: number != nil)
                flow.answered(number, at: now)
                backoff.reset()
                answered(position, with: disposition)
            }
        } catch let error as JSONError {
            stop(.invalidAnswer("what is no answer (\(error.message)): \(ExecAnswer.excerpt(bytes))"))
        } catch let error as ExecAnswer.InvalidAnswer {
            stop(.invalidAnswer("\(error.reason): \(ExecAnswer.excerpt(bytes))"))
        } catch {
            stop(.invalidAnswer("\(error)"))
        }
    }

    private func answered(_ position: ExecFlow.Position, with disposition: Disposition) {
        // Changed in place: a copy of the batch would copy its answers.
        batches[position.batch]?.answer(position.index, with: disposition)
        guard let batch = batches[position.batch], batch.unanswered == 0 else { return }
        batches[position.batch] = nil
        batch.completion(.answered(batch.answers(before: batch.events.count)))
    }

    private func logLine(_ line: LineSplitter.Line, pid: Int32) {
        guard let host else { return }
        let text =
            switch line {
            case .whole(let bytes): String(decoding: bytes, as: UTF8.self)
            case .tooLong(let bytes): String(decoding: bytes, as: UTF8.self) + "…"
            }
        host.logger.notice("program says", metadata: ["stage": "\(host.stage)", "pid": "\(pid)", "line": "\(text)"])
    }

    // MARK: Starting and ending

    private func start(_ host: Host) {
        startedAt = Clock.monotonicMilliseconds()
        do throws(ExecError) {
            let child = try ExecChild(on: host.loop, command: options.command)
            let pid = child.pid
            output = LineSplitter(maxLine: maxAnswer)
            errors = LineSplitter(maxLine: ExecProgram.maxErrorLine)
            child.onOutput = { [unowned self] in self.received($0) }
            child.onErrors = { [unowned self] in
                self.errors.append($0) { line in
                    self.logLine(line, pid: pid)
                    return true
                }
            }
            child.onClosed = { [unowned self] in self.closed() }
            child.onEnded = { [unowned self] in self.ended($0) }
            flow.began(at: startedAt)
            phase = .running(child)
            host.logger.info(
                "program started",
                metadata: [
                    "stage": "\(host.stage)", "pid": "\(pid)", "command": "\(options.command.joined(separator: " "))",
                ])
        } catch {
            host.logger.error("program not started", metadata: ["stage": "\(host.stage)", "error": "\(error.message)"])
            let blame = flow.ended(unread: 0)
            scheduleRestart(host)
            complete(blame, event: error.message, start: error.message)
        }
    }

    /// Kills the program and ignores its output from now on.
    private func stop(_ ending: ExecEnding) {
        guard case .running(let child) = phase, let host else { return }
        phase = .ending(child, ending)
        child.ignoreOutput()
        child.kill()
        host.timer.schedule(after: grace)
    }

    /// The program has closed a pipe: usually it is about to exit.
    private func closed() {
        guard case .running(let child) = phase, let host else { return }
        // Answers that were written before the pipe was closed count.
        child.drain()
        guard case .running = phase else { return }
        phase = .ending(child, nil)
        host.timer.schedule(after: grace)
    }

    private func ended(_ how: String) {
        let child: ExecChild
        var ending = ExecEnding.died(how: how)
        switch phase {
        case .running(let running): child = running
        case .ending(let running, let known):
            child = running
            ending = known ?? ending
        case .idle, .backingOff: return
        }
        guard let host else { return }
        errors.finish { line in
            logLine(line, pid: child.pid)
            return true
        }
        host.logger.warning(
            "program ended",
            metadata: [
                "stage": "\(host.stage)", "pid": "\(child.pid)", "how": "\(ending.summary)",
                "lived_ms": "\(Clock.monotonicMilliseconds() - startedAt)", "unanswered": "\(flow.inFlight)",
            ])
        var fault: ExecFlow.Fault?
        if case .outOfStep(let found, _) = ending { fault = found }
        let blame = flow.ended(unread: child.unread, fault: fault)
        scheduleRestart(host)
        complete(blame, event: ending.blame, start: ending.failedStart(within: options.startTimeout))
    }

    private func scheduleRestart(_ host: Host) {
        phase = .backingOff
        host.timer.schedule(after: backoff.next(using: &generator))
    }

    /// Completes the batches that the end of the program affects.
    private func complete(_ blame: ExecFlow.Blame, event: String, start: String) {
        switch blame {
        case .nobody: break
        case .event(let position):
            guard let batch = batches.removeValue(forKey: position.batch) else { return }
            batch.completion(.blamed(batch.answers(before: position.index), StageError(event)))
        case .start:
            let failed = batches.sorted { $0.key < $1.key }
            batches = [:]
            for (_, batch) in failed { batch.completion(.failed(StageError(start))) }
        }
    }

    private func timerFired() {
        guard let host else { return }
        switch phase {
        case .idle: break
        case .running(let child):
            // An answer that arrived in time counts, even if this process was too busy to read it.
            child.drain()
            guard case .running = phase else { return }
            switch flow.timeLeft(at: Clock.monotonicMilliseconds(), unread: child.unread) {
            case .unlimited: break
            case .wait(let milliseconds): host.timer.schedule(after: milliseconds)
            case .over: stop(.timeout(options.timeout))
            }
        case .ending(let child, let ending):
            phase = .ending(child, ending ?? .closedPipe)
            child.kill()
            host.timer.schedule(after: grace)
        case .backingOff:
            phase = .idle
            pump()
        }
    }
}

/// A lane's batch at an `exec` program: its events, and the answers so far.
struct ExecBatch {
    /// How a batch ends.
    enum Outcome {
        /// All events are answered.
        case answered([Disposition])
        /// The program ended, and the event after the answered ones is to blame.
        case blamed([Disposition], StageError)
        /// The program could not be started, or ended at its start: no event is to blame.
        case failed(StageError)
    }

    let events: [Event]
    let completion: (Outcome) -> Void
    /// The answers in the order of the events, in whatever order they come.
    private var dispositions: [Disposition?]
    /// How many events have no answer.
    private(set) var unanswered: Int

    init(events: [Event], completion: @escaping (Outcome) -> Void) {
        self.events = events
        self.completion = completion
        dispositions = Array(repeating: nil, count: events.count)
        unanswered = events.count
    }

    /// Notes the first answer to an event.
    mutating func answer(_ index: Int, with disposition: Disposition) {
        guard dispositions[index] == nil else { return }
        dispositions[index] = disposition
        unanswered -= 1
    }

    /// The answers to the events before this one, up to the first that has none.
    func answers(before index: Int) -> [Disposition] {
        dispositions.prefix(index).prefix { $0 != nil }.compactMap { $0 }
    }
}
