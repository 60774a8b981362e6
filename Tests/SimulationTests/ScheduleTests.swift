import Testing

@testable import Simulation

@Suite struct ScheduleTests {
    @Test func `the text of a schedule is read back`() throws {
        var options = SimulationOptions()
        options.partitions = 3
        options.seed = .max
        let schedule = Schedule(options: options, steps: [.start("w0"), .settle(500), .flush])
        #expect(try Schedule(schedule.text) == schedule)
    }

    @Test func `comments and empty lines are left out`() throws {
        let schedule = try Schedule("# found by seed 3\n\noptions edges=1\n  start   w0 # the first\n")
        #expect(schedule.steps == [.start("w0")])
        #expect(schedule.options.edges == 1)
    }

    @Test(arguments: ["start", "options edges", "options speed=3", "options edges=x", "fly w0"])
    func `a line that cannot be read is named`(_ line: String) {
        let error = #expect(throws: ScheduleError.self) { try Schedule("flush\n" + line) }
        #expect(error?.line == 2)
    }

    /// A fault that needs two steps in their order, a long enough pause, and at least two workers.
    private static func violation(_ schedule: Schedule) -> Violation? {
        guard let kill = schedule.steps.firstIndex(of: .kill("w0")), schedule.options.workers >= 2,
            schedule.steps[kill...].contains(where: { if case .settle(let time) = $0 { time >= 1000 } else { false } })
        else { return nil }
        return Violation(.stuck, "it waits")
    }

    @Test func `a schedule shrinks to what shows its violation`() {
        var steps: [Step] = (0..<40).map { .advance($0) }
        steps.insert(.kill("w0"), at: 11)
        steps.insert(.settle(7300), at: 23)
        steps.append(.post("e0", SimulatedEvent(1, thread: 0, forum: 0, comment: 1, behaviour: .fail)))
        var options = SimulationOptions()
        (options.workers, options.partitions, options.edges) = (3, 3, 2)
        var shrinker = Shrinker(Schedule(options: options, steps: steps), rule: .stuck, run: Self.violation)
        let short = shrinker.shrink()
        #expect(short.steps == [.kill("w0"), .settle(1000)])
        #expect(short.options.workers == 2)
        #expect(short.options.partitions == 1)
    }

    @Test func `a schedule that shows another violation does not count as shorter`() {
        let schedule = Schedule(options: SimulationOptions(), steps: [.flush, .save])
        var shrinker = Shrinker(schedule, rule: .stuck) { schedule in
            schedule.steps.count == 2 ? Violation(.stuck, "") : Violation(.gap, "")
        }
        #expect(shrinker.shrink().steps == schedule.steps)
    }

    @Test func `a shrinker gives up after so many runs`() {
        var count = 0
        let schedule = Schedule(options: SimulationOptions(), steps: (0..<100).map { .advance($0) })
        var shrinker = Shrinker(schedule, rule: .stuck, runs: 10) { _ in
            count += 1
            return nil
        }
        _ = shrinker.shrink()
        #expect(count == 10)
    }
}
