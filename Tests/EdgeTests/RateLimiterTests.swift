import TestSupport
import Testing

@testable import Edge

@Suite("The rate of an API key")
struct RateLimiterTests {
    /// A bucket filled drop by drop: slow, and obviously correct.
    private struct Bucket {
        let interval: Int64
        let burst: Int
        var drops: Int
        var last: Int64 = 0
        /// Time towards the next drop.
        var carry: Int64 = 0

        init(interval: Int64, burst: Int) {
            (self.interval, self.burst, drops) = (interval, burst, burst)
        }

        mutating func take(_ count: Int, now: Int64) -> Bool {
            carry += now - last
            last = now
            drops += Int(carry / interval)
            carry %= interval
            if drops >= burst { (drops, carry) = (burst, 0) }
            guard count <= drops else { return false }
            drops -= count
            return true
        }
    }

    @Test("it behaves like a model with single drops, and returns how long to wait")
    func oracle() {
        var random = SplitMix64()
        for _ in 0..<200 {
            let interval = Int64.random(in: 1...500, using: &random)
            let burst = Int.random(in: 1...50, using: &random)
            var bucket = Bucket(interval: interval, burst: burst)
            var limiter = RateLimiter(AccessOptions.Rate(count: 1, milliseconds: interval), burst: burst)
            var now: Int64 = 0
            for _ in 0..<200 {
                now += Int64.random(in: 0...(interval * 3), using: &random)
                let count = Int.random(in: 1...burst, using: &random)
                let wait = limiter.take(count, now: now)
                #expect(bucket.take(count, now: now) == (wait == nil), "seed \(random.seed)")
                guard let wait else { continue }
                #expect(wait > 0 && limiter.take(count, now: now + wait - 1) != nil, "seed \(random.seed)")
                now += wait
                #expect(limiter.take(count, now: now) == nil && bucket.take(count, now: now), "seed \(random.seed)")
            }
        }
    }

    @Test("a pause fills the bucket up to the burst and no further")
    func burst() {
        var limiter = RateLimiter(AccessOptions.Rate(count: 100, milliseconds: 1000), burst: 50)
        #expect(limiter.take(50, now: 1_000_000) == nil)
        #expect(limiter.take(1, now: 1_000_000) == 10)
        #expect(limiter.take(50, now: 2_000_000) == nil)
        #expect(limiter.take(2, now: 2_000_000) == 20)
    }
}
