import Testing

@testable import Pipeline

@Suite("what is known of the workers that had an event")
struct SuspicionTests {
    private static let limits: PipelineLimits = {
        var limits = PipelineLimits()
        limits.deaths = 3
        limits.unexplainedLosses = 20
        return limits
    }()

    @Test(
        "deaths that were seen end an event soon, losses that nobody explains only when there are many, and not together",
        arguments: [
            (0, 0, nil), (2, 0, nil), (3, 0, "poison: 3 workers died over this event"), (0, 19, nil), (2, 19, nil),
            (0, 20, "lost 20 times without a sign of why"), (2, 33, "lost 33 times without a sign of why"),
            (5, 40, "poison: 5 workers died over this event"),
        ] as [(Int, Int, String?)])
    func verdict(_ deaths: Int, _ losses: Int, _ expected: String?) {
        let verdict = Suspicion(deaths: deaths, losses: losses).verdict(under: Self.limits)
        #expect((verdict == nil) == (expected == nil))
        #expect(verdict?.hasPrefix(expected ?? "") ?? true, "\(verdict ?? "")")
    }
}
