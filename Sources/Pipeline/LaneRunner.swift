internal import Events
internal import JSON
internal import Logging
internal import Redis
internal import Store

/// Runs one lane: does what the state machine ``Lane`` says and tells it what came of it.
///
/// The next peek travels with the commit, so a busy lane costs one round trip a batch. Replies of an older step are
/// told apart by a number that grows with each step.
final class LaneRunner {
    let id: LaneID
    /// The fencing token of the lease.
    let token: String
    /// Called once when the lane has been given back or is lost.
    var onClosed: (LaneRunner) -> Void = { _ in }
    /// Events committed since the lane was taken.
    private(set) var committedEvents = 0

    private let environment: LaneEnvironment
    private let stage: any Stage
    private let queue: String
    private var lane: Lane
    private var batch: Batch?
    private var commit: FunctionCall<CommitAnswer>?
    /// When the commit under way was sent, in nanoseconds.
    private var sentCommit: Int64 = 0
    private var serial = 0
    private var step = 0
    /// A peek was sent with the commit, whose answer the machine has not taken up yet.
    private var isPeekUnderWay = false
    /// Where this lane is at the worker's gate.
    private var passage = Passage.away
    /// Attempts that this lane has begun.
    private var begun = 0
    /// The server may count an attempt of this lane that is over: the event is blamed if this worker crashes now.
    private var isCounted = false
    private var isUncounting = false
    private var generator: LoopGenerator
    private lazy var timer = Timer(on: environment.loop) { [unowned self] in self.tell(.timer) }

    private enum Passage: Equatable {
        case away
        case waiting(isolated: Bool)
        case inside(isolated: Bool)
    }

    /// - Parameters:
    ///   - suspect: the worker before may have died over the head of the queue.
    ///   - attempts: how often that event was begun since by workers that have not come back.
    init(
        id: LaneID, token: String, suspect: Bool, attempts: Int, stage: any Stage, environment: LaneEnvironment
    ) {
        self.id = id
        self.token = token
        self.stage = stage
        self.environment = environment
        generator = LoopGenerator(of: environment.loop)
        queue = environment.layout.queue(id)
        lane = Lane(limits: environment.limits, suspect: suspect, attempts: attempts)
        if suspect {
            environment.logger.debug(
                "the worker before may have died over this lane's head, taking events one by one",
                metadata: ["lane": "\(id)", "attempts": "\(attempts)"])
        }
    }

    var isClosed: Bool { lane.state == .closed }

    /// Takes the first step.
    func begin() {
        perform(lane.begin())
    }

    /// Tells the lane what happened.
    func tell(_ input: Lane.Input) {
        perform(lane.handle(input, using: &generator))
        leaveGate()
        // A lane that waits at the gate has decided nothing yet, so it can stop.
        if case .stop = input, case .waiting = passage { tell(.failed(ofFirstEvent: false)) }
    }

    private func perform(_ action: Lane.Action) {
        switch action {
        case .none: break
        case .peek(let count, let watched): peek(count: count, watched: watched)
        case .transform: enterGate(isolated: false) { $0.transform() }
        case .attempt(let isolated): enterGate(isolated: isolated) { $0.attempt() }
        case .commit: sendCommit()
        case .deadLetter: deadLetter()
        case .wait(let milliseconds): timer.schedule(after: milliseconds)
        case .release: release()
        case .abandon: abandon()
        }
    }

    // MARK: Gate

    private func enterGate(isolated: Bool, body: @escaping (LaneRunner) -> Void) {
        if case .inside(let isAlone) = passage, isAlone || !isolated { return body(self) }
        if passage != .away { environment.gate.leave(self) }
        passage = .waiting(isolated: isolated)
        environment.gate.enter(self, isolated: isolated) { [weak self] in
            guard let self else { return }
            self.passage = .inside(isolated: isolated)
            body(self)
        }
    }

    /// A lane whose attempt is counted stays inside until a commit or an uncounting is answered: until then a crash of this
    /// worker counts against its event, and nothing else may cause one. It does not wait inside for a next queue that is
    /// full: a lane that waits at the gate may have to drain it.
    private func leaveGate() {
        switch (passage, lane.state) {
        case (.away, _), (_, .transforming): return
        case (.inside(isolated: true), .committing), (.inside(isolated: true), .disconnected): return
        case (.inside, .closed): break
        case (.inside, _) where isCounted: return uncountAttempt()
        default: break
        }
        passage = .away
        environment.gate.leave(self)
    }

    /// The attempt is over, by a failure or a refusal: the lane leaves when the server has it from its list. Where the
    /// connection broke meanwhile, the next step asks again; a server that refuses is not asked for ever, since the other
    /// lanes wait.
    private func uncountAttempt() {
        guard !isUncounting else { return }
        isUncounting = true
        let attempt = begun
        environment.connection.call(.takeBackAttempt(id, of: environment.layout, token: token)) { [weak self] result in
            guard let self, attempt == self.begun else { return }
            self.isUncounting = false
            if case .failure(let error) = result, error.isUnanswered { return }
            self.isCounted = false
            self.leaveGate()
        }
    }

    // MARK: Peek

    private func peek(count: Int, watched: Bool) {
        commit = nil
        batch = nil
        if isPeekUnderWay {
            // It left with the commit; its answer comes next.
            isPeekUnderWay = false
        } else {
            step += 1
            sendPeek(count: count, watched: watched)
        }
    }

    private func sendPeek(count: Int, watched: Bool) {
        let sent = step
        let command = RedisCommand("LRANGE", queue, "0", String(count - 1))
        let reply: (Result<RedisValue, RedisError>) -> Void = { [weak self] result in
            guard let self, sent == self.step, !self.isPeekUnderWay else { return }
            self.peeked(result)
        }
        if watched {
            environment.watcher.read(command, reply: reply)
        } else {
            environment.connection.send(command, reply: reply)
        }
    }

    private func peeked(_ result: Result<RedisValue, RedisError>) {
        switch result {
        case .failure(let error):
            log(error)
            tell(.refused(error))
        case .success(let value):
            let raw = (value.array ?? []).compactMap(\.bytes)
            guard raw.isEmpty || environment.isLeaseSure() else { return tell(.unsure) }
            batch = raw.isEmpty ? nil : Batch(raw: raw, parser: environment.parser)
            tell(.peeked(events: raw.count, bytes: raw.reduce(0) { $0 + $1.count }))
        }
    }

    // MARK: Transform

    private func attempt() {
        step += 1
        begun += 1
        (isCounted, isUncounting) = (true, false)
        let sent = step
        environment.connection.call(.beginAttempt(id, of: environment.layout, token: token)) { [weak self] result in
            guard let self, sent == self.step else { return }
            switch result {
            case .failure(let error): self.tell(.refused(error))
            case .success(.fenced): self.tell(.fenced)
            case .success(.counted(let losses, let deaths)):
                let suspicion = Suspicion(deaths: deaths, losses: losses)
                if let verdict = suspicion.verdict(under: self.environment.limits) {
                    self.deadLetterHead(verdict, attempts: deaths + losses)
                    self.tell(.transformed(decided: 1))
                } else {
                    self.transform()
                }
            }
        }
    }

    private func transform() {
        guard let batch else { return }
        step += 1
        let sent = step
        let context = StageContext(
            pipeline: environment.layout.name, stage: id.stage, partition: id.partition ?? 0, loop: environment.loop,
            redis: environment.connection, logger: environment.logger, now: Clock.unixMilliseconds())
        stage.prepare(batch.events, context: context) { [weak self] error in
            guard let self, sent == self.step, self.lane.state == .transforming else { return }
            if let error {
                self.failed(error, ofFirstEvent: false)
            } else {
                self.process(context)
            }
        }
    }

    private func process(_ context: StageContext) {
        guard let entries = batch?.entries else { return }
        var decisions: [Disposition] = []
        decisions.reserveCapacity(entries.count)
        for entry in entries {
            switch entry {
            case .unreadable(let reason):
                decisions.append(.reject(reason: reason))
            case .event(let event):
                do throws(StageError) {
                    decisions.append(try stage.process(event, context: context))
                } catch {
                    if decisions.isEmpty { return failed(error, ofFirstEvent: error.isCounted) }
                    // The events before it are committed; it is tried again as the head.
                    return transformed(decisions, isNextFailed: error.isCounted)
                }
            }
        }
        transformed(decisions)
    }

    /// The stage is through with the batch, or with the events before one that failed.
    private func transformed(_ decisions: [Disposition], isNextFailed: Bool = true) {
        buildCommit(of: decisions, attempts: lane.failures + 1)
        tell(.transformed(decided: decisions.count, isNextFailed: isNextFailed))
    }

    /// Builds the next commit, for the machine to have it sent.
    private func buildCommit(of decisions: [Disposition], attempts: Int) {
        batch?.decisions = decisions
        serial += 1
        commit = batch.map { batch in
            CommitBuilder(
                lane: id, layout: environment.layout, limits: environment.limits, duplicates: stage.duplicates,
                token: token, parser: environment.parser, now: Clock.unixMilliseconds()
            ).call(for: batch, serial: serial, attempts: attempts)
        }
    }

    private var lastError: StageError?

    private func failed(_ error: StageError, ofFirstEvent: Bool) {
        if error.isCounted { lastError = error }
        environment.logger.log(
            level: error.isCounted ? .warning : .debug, "stage failed, trying again",
            metadata: ["lane": "\(id)", "error": "\(error.message)", "failures": "\(lane.failures + 1)"])
        tell(.failed(ofFirstEvent: ofFirstEvent))
    }

    /// The head event's attempts are used up.
    private func deadLetter() {
        deadLetterHead(lastError?.message ?? "the stage failed", attempts: lane.failures)
        sendCommit()
    }

    /// Builds the commit that makes the head event a dead letter.
    private func deadLetterHead(_ reason: String, attempts: Int) {
        environment.logger.error(
            "event set aside as a dead letter",
            metadata: ["lane": "\(id)", "error": "\(reason)", "attempts": "\(attempts)"])
        buildCommit(of: [.reject(reason: reason)], attempts: attempts)
    }

    // MARK: Commit

    private func sendCommit() {
        guard let commit else { return }
        step += 1
        let sent = step
        sentCommit = Clock.monotonicNanoseconds()
        environment.connection.call(commit) { [weak self] result in
            guard let self, sent == self.step else { return }
            self.committed(result)
            // A peek that the machine has not taken up by now is stale.
            self.isPeekUnderWay = false
        }
        guard sent == step, lane.state == .committing else { return }
        isPeekUnderWay = true
        sendPeek(count: lane.following.count, watched: lane.following.watched)
    }

    private func committed(_ result: Result<CommitAnswer, RedisError>) {
        switch result {
        case .failure(let error):
            abandonPeek()
            log(error)
            tell(.refused(error))
        case .success(.done(let forgotten, let microseconds)):
            isCounted = false
            // Some servers cannot measure: what the call took here is more than what it took there.
            let elapsed = (Clock.monotonicNanoseconds() - sentCommit) / 1000
            let time = microseconds > 0 ? microseconds : elapsed
            tell(.measured(events: batch?.decisions.count ?? 0, microseconds: time))
            committedEvents += batch?.decisions.count ?? 0
            environment.onCommitted(id, batch?.decisions.count ?? 0)
            warnOfForgotten(forgotten)
            tell(.committed)
        case .success(.full):
            abandonPeek()
            tell(.full)
        case .success(.moved):
            abandonPeek()
            environment.logger.warning(
                "the queue's head was changed by hand, reading it again", metadata: ["lane": "\(id)"])
            tell(.moved)
        case .success(.fenced):
            abandonPeek()
            environment.logger.notice("another worker has this lane, letting go", metadata: ["lane": "\(id)"])
            tell(.fenced)
        }
    }

    private func warnOfForgotten(_ count: Int64) {
        guard count > 0 else { return }
        environment.logger.warning(
            "the list of set-aside events is full, the oldest fell off; look at them: tidings dead list, tidings held list",
            metadata: ["lane": "\(id)", "fell_off": "\(count)"])
    }

    private func abandonPeek() {
        isPeekUnderWay = false
        step += 1
    }

    // MARK: End

    private func release() {
        // A lost release costs no more than the lease's time.
        close(after: .release(id, of: environment.layout, token: token, isSuspect: lane.isSuspect))
    }

    /// This worker lives: what it had in hand when it lost the lane has not killed it, and is not counted as if.
    private func abandon() {
        // A call that is lost does no harm: this worker's next heartbeats say the same.
        close(after: .takeBackAttempt(id, of: environment.layout, token: token))
    }

    /// Either call uncounts the attempt: a lane that has one stays inside the gate until the answer.
    private func close<Answer>(after call: FunctionCall<Answer>) {
        step += 1
        begun += 1
        timer.cancel()
        batch = nil
        commit = nil
        if case .inside = passage, isCounted {
            environment.connection.call(call) { [self] _ in leaveGate() }
        } else {
            environment.connection.call(call)
            leaveGate()
        }
        onClosed(self)
    }

    private func log(_ error: RedisError) {
        guard !error.isUnanswered else { return }
        environment.logger.warning(
            "redis refused, trying again", metadata: ["lane": "\(id)", "error": "\(error.message)"])
    }
}

/// What all lanes of a worker share.
struct LaneEnvironment {
    let loop: EventLoop
    let layout: PipelineLayout
    let limits: PipelineLimits
    let connection: RedisConnection
    let watcher: KeyWatcher
    let parser: JSONParser
    let logger: Logger
    /// The gate that each lane passes on its way into its stage.
    let gate: IsolationGate
    /// Whether the worker's leases last for a while yet by its own clock. A worker that was stopped for long has to hear
    /// from the server before it touches anything outside Redis, where no token fences it.
    let isLeaseSure: () -> Bool
    /// Told after each commit: the lane and how many events it took.
    let onCommitted: (LaneID, Int) -> Void
}
