/// Makes a schedule that shows a violation shorter, for a person to read: leaves out steps, then makes the rest simpler.
package struct Shrinker {
    /// Runs a schedule anew, and gives the violation that it shows.
    private let run: (Schedule) -> Violation?
    private let rule: Violation.Rule
    private var runsLeft: Int
    package private(set) var schedule: Schedule

    /// - Parameter runs: at most so many schedules are tried.
    package init(
        _ schedule: Schedule, rule: Violation.Rule, runs: Int = 400, run: @escaping (Schedule) -> Violation?
    ) {
        self.schedule = schedule
        self.rule = rule
        self.run = run
        runsLeft = runs
    }

    package mutating func shrink() -> Schedule {
        var before: Schedule
        repeat {
            before = schedule
            leaveOut()
            simplify()
        } while schedule != before && runsLeft > 0
        return schedule
    }

    /// Keeps the schedule when it shows a violation of the same rule.
    private mutating func keep(_ candidate: Schedule) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        guard run(candidate)?.rule == rule else { return false }
        schedule = candidate
        return true
    }

    /// Leaves out ever smaller runs of steps.
    private mutating func leaveOut() {
        var size = max(1, schedule.steps.count / 2)
        while runsLeft > 0 {
            var start = 0
            while start < schedule.steps.count, runsLeft > 0 {
                var candidate = schedule
                candidate.steps.removeSubrange(start..<min(start + size, candidate.steps.count))
                if !keep(candidate) { start += size }
            }
            if size == 1 { return }
            size = max(1, size / 2)
        }
    }

    /// Replaces steps and options by simpler ones.
    private mutating func simplify() {
        for index in schedule.steps.indices {
            for simpler in schedule.steps[index].simpler {
                var candidate = schedule
                candidate.steps[index] = simpler
                if keep(candidate) { break }
            }
        }
        for simpler in schedule.options.simpler { _ = keep(Schedule(options: simpler, steps: schedule.steps)) }
    }
}

extension Step {
    /// Steps that say less, the simplest first.
    fileprivate var simpler: [Step] {
        switch self {
        case .settle(let time) where time > 1: Step.shorter(time).map { .settle($0) }
        case .advance(let time) where time > 1: Step.shorter(time).map { .advance($0) }
        case .push(let event): event.simpler.map { .push($0) }
        case .post(let edge, let event): event.simpler.map { .post(edge, $0) }
        default: []
        }
    }

    private static func shorter(_ time: Int64) -> [Int64] {
        [1, 10, 100, 1000, 5000, 11_000].filter { $0 < time }
    }
}

extension SimulatedEvent {
    fileprivate var simpler: [SimulatedEvent] {
        guard behaviour != .plain else { return [] }
        var plain = self
        plain.behaviour = .plain
        return [plain]
    }
}

extension SimulationOptions {
    /// With one of each thing fewer.
    fileprivate var simpler: [SimulationOptions] {
        var all: [SimulationOptions] = []
        for path in [\SimulationOptions.partitions, \.workers, \.edges] where self[keyPath: path] > 1 {
            var options = self
            options[keyPath: path] -= 1
            all.append(options)
        }
        return all
    }
}
