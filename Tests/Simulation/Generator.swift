import TestSupport

/// Draws the steps of a schedule: each seed decides how large the world is, which faults can happen in it and how often
/// (not all of them in one schedule: some need quiet to show).
package struct Generator {
    /// What a step is about.
    private enum Subject: String, CaseIterable {
        case network, settle, advance, supply, read
        case freeze, kill, lose, restartProcess, cut, longPause, clock
        case history, ttl, shape, operators, pause
        case restart, takeBack, demote, flush, forget, rights
    }

    package let options: SimulationOptions
    private var random: SplitMix64
    private var weights: [(Subject, Int)] = []
    /// Steps that belong together and come next, one at a time.
    private var script: [Step] = []
    private var nextEvent = 1
    /// Comments that were created so far.
    private var comments: [SimulatedEvent] = []
    private var threads: Int
    private var forums: Int
    private var behaviours: [SimulatedEvent.Behaviour] = []
    private var hasCopy = false
    private var readerNames: [Step.ReaderName] = []

    package init(seed: UInt64, profile: Profile = Profile()) {
        random = SplitMix64(seed: seed)
        var options = SimulationOptions()
        options.seed = seed
        options.partitions = Int.random(in: 1...3, using: &random)
        options.workers = Int.random(in: 1...3, using: &random)
        options.edges = Int.random(in: 1...2, using: &random)
        options.history = [3, 5, 10, 20, 100][Int.random(in: 0..<5, using: &random)]
        options.ttl = [20_000, 60_000, 600_000][Int.random(in: 0..<3, using: &random)]
        options.batch = [1, 3, 8, 64][Int.random(in: 0..<4, using: &random)]
        options.ring = [2, 4, 16][Int.random(in: 0..<3, using: &random)]
        self.options = options
        threads = Int.random(in: 1...4, using: &random)
        forums = Int.random(in: 1...2, using: &random)
        for subject in Subject.allCases {
            let weight = drawWeight(of: subject)
            if weight > 0, !profile.without.contains(subject.rawValue) { weights.append((subject, weight)) }
        }
        for behaviour: SimulatedEvent.Behaviour in [.slow(50), .slow(3000), .hold, .fail, .stumble, .poison, .drop]
        where Int.random(in: 0..<4, using: &random) == 0 && !profile.without.contains(behaviour.name) {
            behaviours.append(behaviour)
        }
        script = options.processes.map { .start($0) } + [.settle(500)]
    }

    /// What a caller asks for.
    package struct Profile {
        /// Faults and behaviours of events that must not happen, by name: to look for others than those that are known.
        package var without: Set<String> = []

        package init() {}

        /// All names.
        package static var names: [String] {
            Subject.allCases.map(\.rawValue) + ["slow", "hold", "fail", "stumble", "poison", "drop"]
        }
    }

    private mutating func drawWeight(of subject: Subject) -> Int {
        switch subject {
        case .network: Int.random(in: 10...80, using: &random)
        case .settle: Int.random(in: 2...12, using: &random)
        case .advance: Int.random(in: 2...8, using: &random)
        case .supply: Int.random(in: 4...16, using: &random)
        case .read: Int.random(in: 4...16, using: &random)
        case .operators: 3
        default: Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...3, using: &random) : 0
        }
    }

    /// Draws the next step.
    package mutating func next(in world: any SimulationWorld) -> Step {
        if !script.isEmpty { return script.removeFirst() }
        let subject = drawSubject()
        return draw(subject, world) ?? drawNetwork(world) ?? .advance(pick([1, 5, 20, 100]))
    }

    private mutating func drawSubject() -> Subject {
        var rest = Int.random(in: 0..<weights.reduce(0) { $0 + $1.1 }, using: &random)
        for (subject, weight) in weights {
            rest -= weight
            if rest < 0 { return subject }
        }
        return .network
    }

    private mutating func pick<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &random)] }

    private mutating func pickAny<T>(_ list: [T]) -> T? { list.isEmpty ? nil : pick(list) }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    private mutating func draw(_ subject: Subject, _ world: any SimulationWorld) -> Step? {
        switch subject {
        case .network: return drawNetwork(world)
        case .settle: return .settle(pick([1, 5, 20, 100, 500]))
        case .advance: return .advance(pick([1, 5, 20, 100, 500, 2000]))
        case .longPause: return .settle(pick([5_000, 11_000, 16_000, 25_000]))
        case .supply: return drawSupply(world)
        case .read: return drawReader(world)
        case .cut: return pickAny(world.enabled().filter(\.isCut))
        case .clock: return .stepClock(pick([-3_600_000, -20_000, -2000, -500, 500, 2000, 20_000, 3_600_000]))
        case .freeze, .kill, .lose, .restartProcess: return drawProcess(subject, world)
        case .history, .ttl, .shape: return drawConfiguration(subject, world)
        case .operators, .pause: return drawOperator(subject, world)
        case .restart, .takeBack, .demote, .flush, .forget, .rights: return drawServer(subject)
        }
    }

    private mutating func drawNetwork(_ world: any SimulationWorld) -> Step? {
        let steps = world.enabled().filter(\.isProgress)
        guard let step = pickAny(steps) else { return nil }
        // What was begun often goes on.
        if case .execute(let link) = step, !chance(3) { script.append(.deliver(link)) }
        return step
    }

    // MARK: Events and readers

    private mutating func drawSupply(_ world: any SimulationWorld) -> Step? {
        let edges = running(world, "e")
        let isPost = !edges.isEmpty && !chance(4)
        let count = chance(4) ? Int.random(in: 2...12, using: &random) : 1
        for _ in 0..<count {
            let event = drawEvent()
            script.append(isPost ? .post(pick(edges), event) : .push(event))
        }
        return script.isEmpty ? nil : script.removeFirst()
    }

    private mutating func drawEvent() -> SimulatedEvent {
        defer { nextEvent += 1 }
        let behaviour = behaviours.isEmpty || !chance(5) ? .plain : pick(behaviours)
        if !comments.isEmpty, chance(5) {
            var event = pick(comments)
            event.number = nextEvent
            event.kind = pick([.edited, .deleted, .created])
            event.behaviour = behaviour
            return event
        }
        // Comments are numbered within their conversation.
        let thread = Int.random(in: 0..<threads, using: &random)
        let comment = comments.count { $0.thread == thread } + 1
        let event = SimulatedEvent(
            nextEvent, thread: thread, forum: thread % forums, comment: comment, behaviour: behaviour)
        comments.append(event)
        return event
    }

    private mutating func drawReader(_ world: any SimulationWorld) -> Step? {
        let edges = running(world, "e")
        if readerNames.count < 2 || chance(8) {
            let reader = readerNames.count < 5 ? "r\(readerNames.count)" : pick(readerNames)
            let others = readerNames.filter { $0 != reader }
            if !readerNames.contains(reader) { readerNames.append(reader) }
            let thread = Int.random(in: 0..<threads, using: &random)
            let channel = chance(3) ? "forum:f\(thread % forums)" : "thread:t\(thread)"
            let place: ReadingPlace = chance(4) && !others.isEmpty ? .like(pick(others)) : chance(4) ? .now : .beginning
            if let edge = pickAny(edges) { script.append(.poll(reader, edge, isLive: chance(2))) }
            return .seek(reader, channel: channel, place)
        }
        guard let edge = pickAny(edges) else { return nil }
        if chance(12) { return .leave(pick(readerNames)) }
        return .poll(pick(readerNames), edge, isLive: chance(2))
    }

    private func running(_ world: any SimulationWorld, _ kind: String) -> [Step.ProcessName] {
        world.processes.filter { $0.name.hasPrefix(kind) && $0.life == .running }.map(\.name)
    }

    // MARK: Processes

    private mutating func drawProcess(_ subject: Subject, _ world: any SimulationWorld) -> Step? {
        let gone = world.processes.filter { $0.life != .running && $0.life != .frozen && $0.life != .ending }
        if let process = pickAny(gone), chance(2) {
            if process.life == .dead(wasSeen: true), !chance(3) { return .bury(process.name) }
            return .start(process.name)
        }
        let frozen = world.processes.filter { $0.life == .frozen }
        if let process = pickAny(frozen), chance(3) { return .thaw(process.name) }
        guard let process = pickAny(world.processes.filter { $0.life == .running }) else { return nil }
        switch subject {
        case .freeze:
            if chance(3) { script.append(.settle(pick([2_000, 11_000, 16_000]))) }
            return .freeze(process.name)
        case .kill:
            if !chance(3) { script += [.bury(process.name), .start(process.name)] }
            return .kill(process.name)
        case .lose:
            return .lose(process.name)
        default:
            script += [.settle(300), .start(process.name)]
            return .stop(process.name)
        }
    }

    // MARK: Operators

    private mutating func drawConfiguration(_ subject: Subject, _ world: any SimulationWorld) -> Step? {
        switch subject {
        case .history: script = [.configure(.history, pick([2, 4, 8, 20, 50]))]
        case .ttl: script = [.configure(.ttl, pick([15_000, 30_000, 600_000]))]
        default:
            script = [
                chance(2)
                    ? .configure(.partitions, Int64.random(in: 1...4, using: &random))
                    : .configure(.stages, pick([0, 1]))
            ]
        }
        // The pool is replaced, or one process of it; a frozen one keeps its shape.
        let running = world.processes.filter { $0.life == .running }.map(\.name)
        if subject == .shape {
            script = running.map { .stop($0) } + [.settle(1000)] + script
            if chance(2) { script.append(.settle(16_000)) }
            script += running.map { .start($0) } + [.settle(500)]
        } else {
            for process in running where chance(2) { script += [.stop(process), .settle(300), .start(process)] }
        }
        return script.removeFirst()
    }

    private mutating func drawOperator(_ subject: Subject, _ world: any SimulationWorld) -> Step? {
        let snapshot = world.snapshot()
        if subject == .pause {
            if let stage = snapshot.paused.sorted().first, chance(2) { return .resume(stage) }
            let stage = pick(["validate", "work", "publish"])
            return chance(6) ? .purge(stage) : .pause(stage)
        }
        let held = snapshot.held.values.flatMap { $0 }.sorted()
        let dead = snapshot.dead.values.flatMap { $0 }.sorted()
        if let number = pickAny(held), chance(2) { return chance(4) ? .reject(number) : .approve(number) }
        return pickAny(dead).map { chance(4) ? .drop($0) : .retry($0) }
    }

    // MARK: The server

    private mutating func drawServer(_ subject: Subject) -> Step? {
        switch subject {
        case .restart: return .restart
        case .takeBack, .demote:
            guard hasCopy, !chance(3) else {
                hasCopy = true
                return .save
            }
            return subject == .demote ? .demote : .takeBack
        case .flush: return .flush
        case .forget: return chance(2) ? .forgetFunctions : .forgetConfiguration
        default: return chance(2) ? .revoke(pick(Step.Right.allCases)) : .grant
        }
    }
}

extension SimulatedEvent.Behaviour {
    fileprivate var name: String {
        switch self {
        case .plain: "plain"
        case .slow: "slow"
        case .hold: "hold"
        case .fail: "fail"
        case .stumble: "stumble"
        case .poison: "poison"
        case .drop: "drop"
        }
    }
}

extension Step {
    fileprivate var isCut: Bool {
        switch self {
        case .cut, .refuse: true
        default: false
        }
    }
}
