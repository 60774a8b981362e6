import JSON
import Testing

@testable import Bench

@Suite("An open load")
struct OpenScheduleTests {
    private static let millisecond: Int64 = 1_000_000

    @Test("events are due at their times, whatever became of those before them")
    func due() {
        let schedule = OpenSchedule(["a", "b", "c"], start: 1000 * Self.millisecond, rate: 100)
        #expect(schedule.due(at: 999 * Self.millisecond) == 0)
        #expect(schedule.due(at: 1000 * Self.millisecond) == 1)
        #expect(schedule.due(at: 1009 * Self.millisecond) == 1)
        #expect(schedule.due(at: 1011 * Self.millisecond) == 2)
        #expect(schedule.due(at: 9000 * Self.millisecond) == 3)
        #expect(schedule.end == 1020 * Self.millisecond)
    }

    @Test("a latency counts from when the event was due, and each event counts once")
    func latency() {
        var schedule = OpenSchedule(["a", "b", "c"], start: 0, rate: 100)
        // All stood still for a second: the later an event was due, the less it waited.
        for id in ["c", "a", "a", "unknown", "b"] { schedule.arrived(id, at: 1000 * Self.millisecond) }
        #expect(schedule.isComplete && schedule.latency.count == 3)
        #expect(schedule.latency.worst == 1_000_000)
        let middle = schedule.latency.percentile(50)
        #expect((990_000...999_900).contains(middle), "\(middle)")
    }

    @Test("what never arrived is missing, and has no latency")
    func missing() {
        var schedule = OpenSchedule(["a", "b"], start: 0, rate: 1000)
        schedule.arrived("b", at: 2 * Self.millisecond)
        #expect(!schedule.isComplete)
        let figure = LatencyFigure(percent: 50, rate: 1000, sent: 2, latency: schedule.latency)
        #expect(figure.missing == 1 && figure.json["missing"] == 1 && figure.json["worst_us"] == 1000)
        let table = LatencyFigure.table([figure], title: "x").split(separator: "\n")
        #expect(
            table[1].split(separator: " ").map(String.init) == [
                "at", "50", "%", "of", "the", "rate", "1,000", "1.0", "1.0", "1.0", "1.0", "1",
            ])
    }
}
