/// Looks for violations: runs drawn schedules, scenarios and printed schedules, and reports what it finds.
package final class Search {
    private let world: World
    private let isTracing: Bool
    private let isShrinking: Bool
    private let report: (String) -> Void
    /// What drawn schedules must not contain.
    package var profile = Generator.Profile()
    /// How many schedules showed a violation.
    package private(set) var findings = 0
    private var byRule: [Violation.Rule: Int] = [:]

    /// Schedules have at least so many steps, and at most twice as many.
    private static let steps = 150

    package init(
        isTracing: Bool = false, isShrinking: Bool = true, report: @escaping (String) -> Void
    ) throws {
        world = try World()
        self.isTracing = isTracing
        self.isShrinking = isShrinking
        self.report = report
    }

    /// Runs schedules drawn from one seed after the other, until a limit is reached or something is found.
    ///
    /// - Parameter isContinued: go on after a finding.
    package func run(from first: UInt64, schedules: Int?, seconds: Int?, isContinued: Bool = false) throws {
        let begun = ContinuousClock.now
        let limit = seconds.map { begun + .seconds($0) }
        var count = 0
        var steps = 0
        var told = begun
        while count < schedules ?? (seconds == nil ? 1 : Int.max), limit.map({ ContinuousClock.now < $0 }) ?? true {
            let seed = first + UInt64(count)
            let (schedule, violation) = try draw(seed)
            count += 1
            steps += schedule.steps.count
            if let violation {
                try found(violation, in: schedule, "seed \(seed)")
                if !isContinued { break }
            }
            if ContinuousClock.now > told + .seconds(10) {
                told = ContinuousClock.now
                report(progress(count, steps, since: begun, seed))
            }
        }
        report(progress(count, steps, since: begun, first + UInt64(max(1, count)) - 1))
        for (rule, count) in byRule.sorted(by: { $0.value > $1.value }) { report("  \(rule.rawValue): \(count)") }
    }

    private func progress(_ count: Int, _ steps: Int, since begun: ContinuousClock.Instant, _ seed: UInt64) -> String {
        let seconds = max(0.001, Double((ContinuousClock.now - begun).components.seconds) + 0.5)
        return "\(count) schedules, \(steps) steps, \(Int(Double(count) / seconds * 60)) schedules a minute, "
            + "\(findings) findings; the last seed was \(seed)"
    }

    /// Draws a schedule while it runs.
    private func draw(_ seed: UInt64) throws -> (Schedule, Violation?) {
        var generator = Generator(seed: seed, profile: profile)
        try world.reset(generator.options)
        var run = ScheduleRun(generator.options, in: world, isTracing: isTracing)
        let length = Search.steps + Int(seed % UInt64(Search.steps))
        var violation: Violation?
        while violation == nil, run.taken.count < length { violation = run.take(generator.next(in: world)) }
        if violation == nil { violation = run.finish() }
        tell(run)
        return (Schedule(options: generator.options, steps: run.taken), violation)
    }

    /// Runs a printed schedule.
    @discardableResult
    package func replay(_ schedule: Schedule, shrinks: Bool = false) throws -> Violation? {
        let violation = try run(schedule, tells: true)
        if let violation { try found(violation, in: schedule, "the schedule", shrinks: shrinks) }
        if violation == nil { report("nothing found") }
        return violation
    }

    /// Runs a scenario.
    @discardableResult
    package func run(_ scenario: Scenario) throws -> Violation? {
        let violation = try run(scenario.schedule, tells: true)
        report("\(scenario.name): \(violation.map { "\($0)" } ?? "nothing found")")
        if violation != nil { findings += 1 }
        return violation
    }

    private func run(_ schedule: Schedule, tells: Bool = false) throws -> Violation? {
        try world.reset(schedule.options)
        var run = ScheduleRun(schedule.options, in: world, isTracing: tells && isTracing)
        let violation = run.replay(schedule)
        if tells { tell(run) }
        return violation
    }

    private func tell(_ run: ScheduleRun) {
        for line in run.trace { report(line) }
    }

    private func found(_ violation: Violation, in schedule: Schedule, _ name: String, shrinks: Bool = true) throws {
        findings += 1
        byRule[violation.rule, default: 0] += 1
        report("found in \(name): \(violation)")
        // One of a kind is enough to read.
        guard byRule[violation.rule] == 1 else { return }
        guard isShrinking, shrinks else { return report(schedule.text) }
        // The drawn schedule must show it again, or something outside of the seed decides.
        guard let again = try run(schedule), again.rule == violation.rule else {
            report("it does not show again when the same steps are run; the schedule was:\n" + schedule.text)
            return
        }
        var shrinker = Shrinker(schedule, rule: violation.rule) { [self] in try? run($0) }
        let short = shrinker.shrink()
        report("shrunk to \(short.steps.count) of \(schedule.steps.count) steps:")
        if let violation = try run(short) { report("# \(violation)") }
        report(short.text)
    }
}
