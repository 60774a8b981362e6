import Supervision
import TestSupport
import Testing

@Suite("starting dead children again")
struct RestartPolicyTests {
    private var generator = SplitMix64()

    private mutating func wait(_ policy: inout RestartPolicy, at now: Int64, lived: Int64 = 0) throws -> Int64 {
        let decision = policy.died(at: now, lived: lived, using: &generator)
        guard case .restart(let wait) = decision else { throw Unexpected(decision: decision) }
        return wait
    }

    private struct Unexpected: Error {
        let decision: RestartPolicy.Decision
    }

    @Test("each death in a row doubles the wait, up to the limit")
    mutating func doubling() throws {
        var policy = RestartPolicy()
        policy.deaths = 1000
        var ceiling: Int64 = 20
        for death in 0..<100 {
            let wait = try wait(&policy, at: Int64(death))
            #expect((ceiling / 2...ceiling).contains(wait), "seed \(generator.seed), death \(death)")
            ceiling = min(10_000, ceiling * 2)
        }
    }

    @Test("a child that lived for long starts afresh")
    mutating func healthy() throws {
        var policy = RestartPolicy()
        for death in 0..<10 { _ = try wait(&policy, at: Int64(death)) }
        #expect(try wait(&policy, at: 100_000, lived: 59_999) > 1000)
        #expect(try wait(&policy, at: 200_000, lived: 60_000) <= 20)
        #expect(try (20...40).contains(wait(&policy, at: 200_001)))
    }

    @Test("a child that cannot use its configuration is tried again however often, ever more slowly")
    mutating func badConfiguration() throws {
        var policy = RestartPolicy()
        policy.deaths = 2
        var last: Int64 = 0
        for death in 0..<1000 {
            let decision = policy.died(at: Int64(death), lived: 0, hasBadConfiguration: true, using: &generator)
            guard case .restart(let wait) = decision else { throw Unexpected(decision: decision) }
            last = wait
        }
        #expect(last >= 5000, "seed \(generator.seed)")
        // Its deaths of other causes count as they did.
        for death in 0..<2 { _ = try wait(&policy, at: Int64(2000 + death)) }
        #expect(policy.died(at: 2003, lived: 0, using: &generator) == .giveUp(deaths: 3))
    }

    @Test("too many deaths within the window end it, the same number over a longer time does not")
    mutating func giveUp() throws {
        var policy = RestartPolicy()
        for death in 0..<20 { _ = try wait(&policy, at: Int64(death)) }
        #expect(policy.died(at: 299_999, lived: 0, using: &generator) == .giveUp(deaths: 21))
        var slow = RestartPolicy()
        for death in 0..<200 { _ = try wait(&slow, at: Int64(death) * 15_001) }
    }
}
