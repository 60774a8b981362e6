public import Events
internal import JSON
public import Logging
internal import Redis
internal import Store

/// A worker: takes its share of the pipeline's lanes and runs them, on one loop, over one connection.
///
/// Its duties: join and keep the heartbeat; take lanes up to its share and release those beyond it; run each lane; wake
/// lanes whose queue has changed; clear idle feeds; leave.
public final class Worker {
    /// Called when the worker cannot work with that Redis; it goes on trying.
    public var onRefused: (PipelineError) -> Void = { _ in }
    /// Called with the number of its lanes each time they change.
    public var onLanesChanged: (Int) -> Void = { _ in }

    /// Events committed since the start, by all lanes.
    public private(set) var committedEvents = 0

    private let loop: EventLoop
    private let options: WorkerOptions
    private let logger: Logger
    private let connection: RedisConnection
    private let subscriber: RedisSubscriber
    private let watcher: KeyWatcher
    private let session: PipelineSession
    private let beat: Heartbeat
    private let eviction: EvictionWatch
    private let gate = IsolationGate()
    private let parser = JSONParser(maxBytes: 512 << 20)
    private var runners: [LaneID: LaneRunner] = [:]
    private var laneOfQueue: [String: LaneID] = [:]
    /// The token of each lane's last runner. No runner may begin with it again, since a token numbers its commits.
    private var endedTokens: [LaneID: String] = [:]
    /// Stages whose factory failed, and until when they are left to other workers; monotonic, in milliseconds.
    private var unmade: [String: Int64] = [:]
    /// The lanes that an earlier process with this id left behind are freed.
    private var hasArrived = false
    /// Pollers of the inlets, while this worker owns the open inlet.
    private var pollers: [InletPoller] = []
    private var isStopping = false
    private var isQuiet = false
    private var isBalancing = false
    private var mustBalanceAgain = false
    private var turnsSinceBalance = 0
    private var completion: (() -> Void)?
    private var sweepCursor = "0"
    private lazy var soon = Timer(on: loop) { [unowned self] in self.balance() }
    private lazy var leaseEnd = Timer(on: loop) { [unowned self] in self.balance() }
    private lazy var housekeeping = Timer(on: loop) { [unowned self] in self.keepHouse() }

    /// A full look at all lanes is due after so many turns of housekeeping without one.
    private static let turnsBetweenBalances = 6
    /// How long a stage whose factory failed is left to other workers, in milliseconds.
    private static let remaking: Int64 = 30_000
    /// Time between two looks whether Redis may delete keys, in milliseconds.
    private static let evictionInterval: Int64 = 10_000

    public init(on loop: EventLoop, options: WorkerOptions, logger: Logger) {
        self.loop = loop
        self.options = options
        self.logger = logger
        connection = RedisConnection(
            on: loop, to: options.redis, name: "tidings-work-\(options.id)", deadlines: options.deadlines,
            logger: logger)
        subscriber = RedisSubscriber(
            on: loop, to: options.redis, name: "tidings-work-\(options.id)-watch", publisher: connection,
            deadlines: options.deadlines, logger: logger)
        watcher = KeyWatcher(connection: connection, subscriber: subscriber, logger: logger)
        session = PipelineSession(on: loop, connection: connection, layout: options.layout, logger: logger)
        beat = Heartbeat(
            on: loop, id: options.id, role: "worker", stages: options.serves, layout: options.layout,
            connection: connection, lease: options.limits.lease)
        eviction = EvictionWatch(
            on: loop, connection: connection, interval: Worker.evictionInterval, logger: logger)
        for lane in options.layout.lanes { laneOfQueue[options.layout.queue(lane)] = lane }
        wire()
    }

    /// Starts to work; returns at once.
    public func start() {
        let listener = ControlListener { [weak self] message in
            self?.session.heard(message)
            self?.balanceSoon()
        }
        subscriber.subscribe(options.layout.control, handler: listener)
        connection.start()
        subscriber.start()
        housekeeping.schedule(every: options.housekeepingInterval)
    }

    /// Finishes the batches in flight, gives the lanes back and takes no more, until ``stop(completion:)``. Lanes that it
    /// cannot give back without a connection it gives back when there is one.
    public func quiet() {
        guard !isQuiet, !isStopping else { return }
        isQuiet = true
        beat.beat()
        for runner in Array(runners.values) { runner.tell(.stop) }
    }

    /// Finishes the batches in flight, gives the lanes back and leaves. `completion` is called when that is done; without
    /// a connection at once, since nothing can be given back then.
    public func stop(completion: @escaping () -> Void) {
        guard !isStopping else { return }
        isStopping = true
        self.completion = completion
        housekeeping.cancel()
        eviction.stop()
        leaseEnd.cancel()
        // The last heartbeat says that it is leaving, so that the others take its share at once.
        beat.beat()
        beat.stop()
        for runner in Array(runners.values) { runner.tell(.stop) }
        leaveWhenDone()
    }

    private func wire() {
        session.onReady = { [unowned self] in self.ready() }
        session.onLost = { [unowned self] in
            self.watcher.connectionLost()
            self.leaveWhenDone()
        }
        session.onRefused = { [unowned self] in
            self.endLanes()
            self.onRefused($0)
        }
        watcher.onChange = { [unowned self] key in
            if let lane = self.laneOfQueue[key] { self.runners[lane]?.tell(.wake) }
            for poller in self.pollers where poller.inlet.key == key { poller.tell(.wake) }
        }
        watcher.onReset = { [unowned self] in
            for runner in self.runners.values { runner.tell(.wake) }
            for poller in self.pollers { poller.tell(.wake) }
        }
        beat.onMembersChanged = { [unowned self] in self.balanceSoon() }
        beat.onFunctionMissing = { [unowned self] in self.session.reload() }
        beat.knownEpoch = { [unowned self] in self.session.highestEpoch }
        beat.onEpoch = { [unowned self] in self.session.noticed(epoch: $0) }
        beat.details = { [unowned self] in
            [("lanes", String(self.runners.count)), ("events", String(self.committedEvents))]
                + (self.isStopping || self.isQuiet ? [("leaving", "1")] : [])
        }
    }

    private func ready() {
        watcher.connectionReady()
        arrive()
        beat.start()
        eviction.start()
        balance()
        for runner in Array(runners.values) { runner.tell(.reconnected) }
        for poller in pollers { poller.tell(.reconnected) }
    }

    /// The pipeline has another shape now: its lanes are not ours. Commits under way are refused by their shape.
    private func endLanes() {
        for runner in Array(runners.values) { runner.tell(.fenced) }
        closeInlets()
    }

    /// Frees the lanes that an earlier process with this id left behind when it crashed: they are suspect, and may go to
    /// any worker. Before the first heartbeat, so that nothing is freed that this process has taken.
    private func arrive() {
        guard !hasArrived else { return }
        connection.call(.leave(pipeline: options.layout.name, process: options.id, .died)) { [weak self] result in
            if case .success = result { self?.hasArrived = true }
        }
    }

    // MARK: Lanes

    private func balanceSoon() {
        // Several processes often come or go together: balance once for all of them.
        if !soon.isScheduled { soon.schedule(after: 2) }
    }

    private func balance() {
        if isBalancing {
            mustBalanceAgain = true
            return
        }
        guard session.isReady, !isStopping else { return }
        isBalancing = true
        mustBalanceAgain = false
        turnsSinceBalance = 0
        let stages = beat.stages
        let call = FunctionCall.balance(
            options.layout, worker: options.id, stages: stages, lease: options.limits.lease, takesLanes: !isQuiet)
        connection.call(call) { [weak self] result in
            guard let self else { return }
            self.isBalancing = false
            switch result {
            case .success(let balance): self.adopt(balance, of: stages)
            case .failure(let error):
                // Free lanes must not wait for the next change. After a reconnect the worker balances anyway.
                if !error.isUnanswered { self.soon.schedule(after: 500) }
            }
            if self.mustBalanceAgain { self.balanceSoon() }
        }
    }

    /// Takes over the server's answer: begins new lanes, ends lost ones, releases those beyond the share. A quiet worker
    /// gives back all that it still has.
    ///
    /// - Parameter stages: those whose lanes were asked for.
    private func adopt(_ balance: LaneBalance, of stages: [String]) {
        guard !isStopping else { return }
        var named: Set<LaneID> = []
        var surplus: [LaneID] = []
        for grant in balance.grants {
            let lane = grant.lane
            named.insert(lane)
            if runners[lane] == nil, isQuiet || endedTokens[lane] == grant.token {
                giveBack(lane, grant.token)
                continue
            }
            if runners[lane]?.token != grant.token, !isQuiet { begin(grant) }
            runners[lane]?.tell(grant.isPaused ? .pause : .resume)
            // A lane that sleeps although events wait has missed a report.
            if grant.isWaiting { runners[lane]?.tell(.wake) }
            if grant.isSurplus || isQuiet { surplus.append(lane) }
        }
        for (lane, runner) in runners where stages.contains(lane.stage) && !named.contains(lane) {
            runner.tell(.fenced)
        }
        for lane in surplus.reversed() { runners[lane]?.tell(.stop) }
        // Lanes become free then.
        if let wait = balance.nextLeaseEnd, !isQuiet { leaseEnd.schedule(after: wait) }
        onLanesChanged(runners.count)
    }

    private func begin(_ grant: LaneGrant) {
        let lane = grant.lane
        runners[lane]?.tell(.fenced)
        guard let stage = makeStage(lane) else { return giveBack(lane, grant.token) }
        let environment = LaneEnvironment(
            loop: loop, layout: options.layout, limits: options.limits, connection: connection, watcher: watcher,
            parser: parser, logger: logger, gate: gate, isLeaseSure: { [unowned self] in self.beat.isLeaseSure },
            onCommitted: { [unowned self] lane, events in self.committed(lane, events) })
        let runner = LaneRunner(
            id: lane, token: grant.token, suspect: grant.isSuspect, attempts: grant.attempts, stage: stage,
            environment: environment)
        runner.onClosed = { [unowned self] in self.closed($0) }
        runners[lane] = runner
        runner.begin()
        if lane == .openInlet { openInlets(grant.token, environment) }
    }

    // MARK: Inlets

    private func openInlets(_ token: String, _ environment: LaneEnvironment) {
        closeInlets()
        pollers = options.inlets.map { InletPoller(inlet: $0, token: token, environment: environment) }
        for poller in pollers { poller.begin() }
    }

    private func closeInlets() {
        for poller in pollers { poller.tell(.stop) }
        pollers = []
    }

    /// Gives back a lane that no runner of this worker has.
    private func giveBack(_ lane: LaneID, _ token: String) {
        connection.call(.release(lane, of: options.layout, token: token))
    }

    private func makeStage(_ lane: LaneID) -> (any Stage)? {
        if lane.isIncoming { return PartitionStage(layout: options.layout) }
        guard unmade[lane.stage] == nil else { return nil }
        do {
            if let stage = try options.stages[lane.stage]?() { return stage }
            logger.error("no code for this stage", metadata: ["stage": "\(lane.stage)"])
        } catch {
            logger.error(
                "the stage cannot be made, leaving it to others for a while",
                metadata: ["stage": "\(lane.stage)", "error": "\(error)"])
        }
        unmade[lane.stage] = Clock.monotonicMilliseconds() + Worker.remaking
        serve()
        return nil
    }

    /// Announces which stages it serves now, before it sends anything else. Its lanes go on.
    private func serve() {
        beat.stages = options.serves.filter { unmade[$0] == nil }
        if session.isReady { beat.beat() }
    }

    /// Serves stages again whose factory failed a while ago.
    private func serveAgain() {
        let now = Clock.monotonicMilliseconds()
        guard unmade.contains(where: { $0.value <= now }) else { return }
        unmade = unmade.filter { $0.value > now }
        serve()
        balanceSoon()
    }

    private func committed(_ lane: LaneID, _ events: Int) {
        committedEvents += events
    }

    private func closed(_ runner: LaneRunner) {
        // A lane that was taken again has a new runner already.
        if runners[runner.id] === runner {
            runners[runner.id] = nil
            endedTokens[runner.id] = runner.token
            if runner.id == .openInlet { closeInlets() }
        }
        onLanesChanged(runners.count)
        if isStopping { leaveWhenDone() } else if session.isReady { balanceSoon() }
    }

    // MARK: Housekeeping

    private func keepHouse() {
        turnsSinceBalance += 1
        serveAgain()
        if turnsSinceBalance >= Worker.turnsBetweenBalances {
            balance()
            for poller in pollers { poller.tell(.wake) }
        }
        // Without the server's reports (the subscription is down, or not allowed) the worker polls.
        if !watcher.isWatching {
            for runner in runners.values { runner.tell(.wake) }
            for poller in pollers { poller.tell(.wake) }
            watcher.retry()
        }
        session.verify()
        if let last = options.layout.stages.last, runners[LaneID(stage: last, partition: 0)] != nil { sweep() }
    }

    /// Removes feeds that have been idle for too long, and events that are too old: one page a call, by the worker that has
    /// the last stage's first lane. The pages cover all feeds in a tenth of the shortest time that a feed may be idle.
    private func sweep() {
        let share = max(1, options.limits.history.shortestLife / 10 / options.housekeepingInterval)
        connection.call(.sweep(from: sweepCursor, share: share)) { [weak self] result in
            guard let self, case .success(let page) = result else { return }
            self.sweepCursor = page.cursor
        }
    }

    private func leaveWhenDone() {
        guard isStopping, let completion, runners.isEmpty || !session.isReady else { return }
        self.completion = nil
        guard session.isReady else {
            hangUp()
            return completion()
        }
        connection.call(.leave(pipeline: options.layout.name, process: options.id, .left)) { [weak self] _ in
            self?.hangUp()
            completion()
        }
    }

    private func hangUp() {
        subscriber.stop()
        connection.stop()
    }
}
