/// One run of a schedule: takes steps in a world, and asks the oracle after each.
package struct ScheduleRun {
    package let world: any SimulationWorld
    package let options: SimulationOptions
    package private(set) var oracle: Oracle
    /// The steps that were taken, ``Step/settle(_:)`` as one.
    package private(set) var taken: [Step] = []
    /// What was observed, the newest last; only when ``isTracing``.
    package private(set) var trace: [String] = []
    private let isTracing: Bool
    /// Something was observed since the server's data were compared with it.
    private var hasNews = true
    /// Which data were compared.
    private var comparedVersion = 0

    /// Without progress of time at most so many rounds are settled.
    private static let rounds = 400
    /// How often it is tried to get one event further after the faults.
    private static let patience = 40

    package init(_ options: SimulationOptions, in world: any SimulationWorld, isTracing: Bool = false) {
        self.options = options
        self.world = world
        self.isTracing = isTracing
        oracle = Oracle(options)
    }

    /// Runs a whole schedule. Gives the first violation, and how many steps were taken up to it.
    package mutating func replay(_ schedule: Schedule) -> Violation? {
        for step in schedule.steps {
            if let violation = take(step) { return violation }
        }
        return finish()
    }

    /// Takes a step, and gives the first violation that it shows.
    package mutating func take(_ step: Step) -> Violation? {
        taken.append(step)
        if isTracing { trace.append("-- \(step)") }
        if case .settle(let time) = step { return settle(time) }
        return apply(step)
    }

    private mutating func apply(_ step: Step) -> Violation? {
        oracle.willTake(step)
        let observations = world.apply(step)
        if isTracing {
            for observation in observations { trace.append("   \(world.now) \(step): \(observation)") }
        }
        let snapshot = step.mayChangeData ? world.snapshot() : nil
        hasNews = hasNews || !observations.isEmpty
        // The same data, compared with the same history, show the same.
        let isNew = snapshot != nil && (hasNews || world.dataVersion != comparedVersion)
        if isNew { (hasNews, comparedVersion) = (false, world.dataVersion) }
        if observations.isEmpty, !isNew { return nil }
        return oracle.observe(observations, isNew ? snapshot : nil, at: world.now).first
    }

    /// Everything that can go its way goes, in rounds, and time passes when nothing is left to do.
    private mutating func settle(_ time: Int64) -> Violation? {
        let end = world.now + time
        var rounds = 0
        while true {
            let open = world.enabled().filter(\.isProgress)
            if !open.isEmpty, rounds < ScheduleRun.rounds {
                rounds += 1
                for step in open {
                    if let violation = apply(step) { return violation }
                }
                continue
            }
            let rest = end - world.now
            guard rest > 0 else { return nil }
            let pause = max(1, min(rest, world.nextTimer() ?? rest))
            rounds = 0
            if let violation = apply(.advance(pause)) { return violation }
        }
    }

    // MARK: The end

    /// The faults stop, all processes run again, time passes, and readers read to the end: then nothing may be left.
    package mutating func finish() -> Violation? {
        if let violation = waitForRest() { return violation }
        if hasRest, taken.contains(where: \.isOfShape) {
            // The configuration file may differ from what the pipeline has: processes say so, and an operator puts it right.
            if let violation = putShapeRight() ?? waitForRest() { return violation }
        }
        if let violation = readOn() { return violation }
        return oracle.conclude(world.snapshot(), processes: world.processes, at: world.now).first
    }

    /// Whether something waits, or an edge is not ready.
    private var hasRest: Bool {
        !world.snapshot().queues.isEmpty || !isComplete || world.processes.contains { $0.trouble != nil }
    }

    /// A poisoned event kills workers several times, one after the other: goes on as long as fewer events wait.
    private mutating func waitForRest() -> Violation? {
        if let violation = recover() { return violation }
        var fewest = Int.max
        var patience = ScheduleRun.patience
        while patience > 0 {
            if let violation = settle(fewest == .max ? 15_000 : 3000) { return violation }
            let waiting = world.snapshot().queues.values.reduce(0) { $0 + $1.count }
            if waiting == 0, isComplete { break }
            patience = waiting < fewest ? ScheduleRun.patience : patience - 1
            fewest = min(fewest, waiting)
            if let violation = recover() { return violation }
        }
        return nil
    }

    /// Starts all processes anew with the shape that stands in Redis.
    private mutating func putShapeRight() -> Violation? {
        let parts = (world.snapshot().shape ?? "").split(separator: "/", maxSplits: 2).map(String.init)
        guard parts.count == 3, let partitions = Int64(parts[1]) else { return nil }
        for process in world.processes where process.life == .running {
            if let violation = apply(.kill(process.name)) ?? apply(.bury(process.name)) { return violation }
        }
        return apply(.configure(.partitions, partitions))
            ?? apply(.configure(.stages, SimulatedStages.number(of: parts[2]))) ?? settle(16_000)
    }

    private var isComplete: Bool {
        world.processes.allSatisfy { $0.life == .running || !options.processes.contains($0.name) }
    }

    /// What operators and supervisors do after faults.
    private mutating func recover() -> Violation? {
        var steps: [Step] = [.grant]
        for stage in world.snapshot().paused.sorted() { steps.append(.resume(stage)) }
        for process in world.processes {
            switch process.life {
            case .frozen: steps.append(.thaw(process.name))
            case .dead(wasSeen: true): steps.append(.bury(process.name))
            case .running, .ending, .dead(wasSeen: false), .gone: break
            }
        }
        for step in steps {
            if let violation = apply(step) { return violation }
        }
        if let violation = settle(200) { return violation }
        let lives = Dictionary(world.processes.map { ($0.name, $0.life) }) { $1 }
        for name in options.processes {
            switch lives[name] ?? .gone {
            case .gone, .dead:
                if let violation = apply(.start(name)) { return violation }
            case .running, .frozen, .ending: break
            }
        }
        return nil
    }

    /// Each reader asks each edge until it is up to date; then new readers read all channels from the beginning.
    private mutating func readOn() -> Violation? {
        let edges = world.processes.filter { $0.name.hasPrefix("e") && $0.life == .running }.map(\.name)
        guard !edges.isEmpty else { return nil }
        for reader in oracle.readers {
            if let violation = apply(.leave(reader)) { return violation }
            if let violation = readUp(reader, edges) { return violation }
        }
        for channel in oracle.channels {
            for edge in edges {
                let reader = "last-\(edge)-\(channel)"
                if let violation = apply(.seek(reader, channel: channel, .beginning)) { return violation }
                if let violation = readUp(reader, [edge]) { return violation }
            }
        }
        return nil
    }

    private mutating func readUp(_ reader: Step.ReaderName, _ edges: [Step.ProcessName]) -> Violation? {
        for edge in edges {
            for _ in 0..<20 {
                if let violation = apply(.poll(reader, edge, isLive: false)) { return violation }
                for _ in 0..<4 {
                    if let violation = settle(50) { return violation }
                    if oracle.isAnswered(reader) { break }
                }
                if oracle.isUpToDate(reader) { break }
            }
        }
        return nil
    }
}

extension Step {
    /// Whether the shape of the pipeline is changed, in the configuration file.
    fileprivate var isOfShape: Bool {
        switch self {
        case .configure(.partitions, _), .configure(.stages, _): true
        default: false
        }
    }

    /// Whether things go their way by this step, without a fault.
    package var isProgress: Bool {
        switch self {
        case .run, .open, .execute, .deliver: true
        default: false
        }
    }

    /// Whether the server's data may be different after this step.
    var mayChangeData: Bool {
        switch self {
        case .execute, .bury, .push, .approve, .reject, .retry, .drop, .pause, .resume, .purge, .restart, .takeBack,
            .demote, .flush, .forgetFunctions, .forgetConfiguration, .stepClock:
            true
        default: false
        }
    }
}
