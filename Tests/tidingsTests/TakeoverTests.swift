import TestSupport
import Testing

/// How long conversations stand still when the worker that serves them is killed.
struct TakeoverTests {
    @Test(
        "after kill -9 of a worker every partition publishes again within 100 ms more than it takes at peace, in the median"
    )
    func median() throws {
        let result = try TidingsBinary.run(["bench", "takeover", "--kills", "10", "--json"], within: 120)
        #expect(result.succeeded, "\(result.errors)")
        let figures = try ParsedJSON(parsing: result.output)
        #expect(figures["after_kill_ms"]?["count"]?.integer == 10)
        let calm = try #require(figures["at_peace_ms"]?["median"]?.double)
        let killed = try #require(figures["after_kill_ms"]?["median"]?.double)
        // The machine is busy with other tests: that is what peace tells.
        #expect(killed < calm + 100, "\(result.output)")
    }
}
