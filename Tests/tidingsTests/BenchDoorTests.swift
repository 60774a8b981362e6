import TestSupport
import Testing

struct BenchDoorTests {
    @Test("every door is measured, with and without workers", .timeLimit(.minutes(3)))
    func doors() throws {
        let bench = try TidingsBinary.run(
            ["bench", "door", "--events", "2000", "--runs", "1", "--json"], within: 150)
        try #require(bench.succeeded, "\(bench.errors)")
        let rows = try #require(try ParsedJSON(parsing: bench.output).array)
        let doors = ["bare", "file", "pipe", "post", "push", "lane"]
        #expect(rows.map { $0["door"]?.string } == doors + doors)
        #expect(rows.compactMap { $0["situation"]?.string } == doors.map { _ in "idle" } + doors.map { _ in "busy" })
        #expect(rows.allSatisfy { ($0["events_per_s"]?.array?.first?.double ?? 0) > 0 }, "\(bench.output)")
    }
}
