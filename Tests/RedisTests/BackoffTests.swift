import Redis
import TestSupport
import Testing

@Suite("backoff")
struct BackoffTests {
    @Test("waits double up to the limit, each drawn from the upper half")
    func bounds() {
        var generator = SplitMix64()
        for _ in 0..<50 {
            var backoff = Backoff(base: 50, limit: 2000)
            var ceiling: Int64 = 50
            for failure in 0..<100 {
                #expect(backoff.failures == failure)
                let wait = backoff.next(using: &generator)
                #expect((ceiling / 2...ceiling).contains(wait), "seed \(generator.seed), failure \(failure)")
                ceiling = min(2000, ceiling * 2)
            }
        }
    }

    @Test("after a success waits begin anew")
    func reset() {
        var generator = SplitMix64()
        var backoff = Backoff(base: 50, limit: 2000)
        for _ in 0..<20 { _ = backoff.next(using: &generator) }
        backoff.reset()
        #expect(backoff.failures == 0)
        #expect(backoff.next(using: &generator) <= 50, "seed \(generator.seed)")
    }

    @Test("waits are spread, so that many clients do not come at once")
    func spread() {
        var generator = SplitMix64()
        let waits = Set(
            (0..<200).map { _ in
                var backoff = Backoff(base: 1000, limit: 1000)
                return backoff.next(using: &generator)
            })
        #expect(waits.count > 100, "seed \(generator.seed)")
    }

    @Test(
        "extreme limits neither trap nor give a negative wait", arguments: [(0, 0), (1, 1), (5, 1), (1 << 40, 1 << 62)])
    func extreme(_ base: Int64, _ limit: Int64) {
        var generator = SplitMix64()
        var backoff = Backoff(base: base, limit: limit)
        for _ in 0..<100 { #expect(backoff.next(using: &generator) >= 0) }
    }
}
