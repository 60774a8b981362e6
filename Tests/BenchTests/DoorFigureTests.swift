import JSON
import Testing

@testable import Bench

@Suite("figures of the doors")
struct DoorFigureTests {
    @Test("the table has medians and their ratio to that of the bare loop, without doors that were not measured")
    func table() {
        var figures = Door.allCases.map { DoorFigure(door: $0) }
        figures[0].rates = [100_000, 300_000, 200_000]
        figures[1].rates = [150_000, 90_000, 151_000]
        let lines = DoorFigure.table(figures, title: "idle").split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(
            lines.dropFirst().map { $0.split(separator: " ").suffix(4).joined(separator: " ") } == [
                "200,000 100,000 300,000 1.0", "150,000 90,000 151,000 0.75",
            ])
        let rows = DoorFigure.json(figures, situation: "idle")
        #expect(rows.compactMap { $0["door"]?.string } == ["bare", "file"])
        #expect(rows.last?["of_bare"]?.double == 0.75)
        #expect(rows.last?["events_per_s"] == [150_000.0, 90_000.0, 151_000.0])
    }
}
