import Testing

@testable import Edge

@Suite("the limits of posts, by client")
struct PostLimiterTests {
    private typealias Limiter = PostLimiter<Poster>

    private static func limiter(
        posts: Int = 30, burst: Int = 10, threads: Int = 20, clients: Int = 100, seed: UInt64 = 1
    ) -> PostLimiter<Poster> {
        PostLimiter(limits: .init(posts: posts, burst: burst, threads: threads, clients: clients), seed: seed)
    }

    private static func client(_ number: Int) -> Poster { .network(ClientAddress(v4: UInt32(number))) }

    @Test("ten at once, then one every two seconds")
    func rate() {
        var limiter = Self.limiter()
        func post(_ count: Int, at now: Int64) -> Limiter.Refusal? {
            limiter.take(count, of: Self.client(1), now: now) { ["a"] }
        }
        for (count, now, expected) in [
            (4, 1000, nil), (6, 1000, nil), (1, 1000, .posts(wait: 2000)), (1, 2999, .posts(wait: 1)), (1, 3000, nil),
            (1, 3000, .posts(wait: 2000)), (11, 900_000, .tooManyAtOnce), (10, 900_000, nil),
            (10, 900_000, .posts(wait: 20_000)), (10, 920_000, nil),
        ] as [(Int, Int64, Limiter.Refusal?)] {
            #expect(post(count, at: now) == expected, "\(count) at \(now)")
        }
    }

    @Test("a client that keeps trying gets through as often as its rate says, no more and no less")
    func steady() {
        var limiter = Self.limiter(threads: 0)
        var taken = 0
        for now in stride(from: Int64(0), to: 600_000, by: 100)
        where limiter.take(1, of: Self.client(1), now: now, threads: { [] }) == nil {
            taken += 1
        }
        #expect(taken == 10 + 299)
    }

    @Test("conversations are new until the client has written to them, and again after 32 others")
    func threads() {
        var limiter = Self.limiter(posts: 0, threads: 2)
        func post(_ threads: [String], at now: Int64) -> Limiter.Refusal? {
            limiter.take(threads.count, of: Self.client(1), now: now) { threads }
        }
        #expect(post(["a", "b", "a"], at: 0) == nil)
        #expect(post(["c"], at: 0) == .threads(wait: 30_000))
        #expect(post(["a", "b"], at: 0) == nil)
        #expect(post(["c", "a"], at: 30_000) == nil)
        #expect(post(["d"], at: 30_000) == .threads(wait: 30_000))
        #expect(post(["x", "y", "z"], at: 900_000) == .tooManyAtOnce)
        for number in 0..<29 { #expect(post(["n\(number)"], at: 1_000_000 + Int64(number) * 30_000) == nil) }
        let end = Int64(10_000_000)
        #expect(post(["e", "f"], at: end) == nil)
        #expect(post(["a"], at: end) == .threads(wait: 30_000))
        #expect(post(["n0", "e", "f"], at: end) == nil)
    }

    @Test("a refusal takes nothing from either limit")
    func refused() {
        var limiter = Self.limiter(burst: 2, threads: 1)
        #expect(limiter.take(1, of: Self.client(1), now: 0) { ["a"] } == nil)
        #expect(limiter.take(1, of: Self.client(1), now: 0) { ["b"] } == .threads(wait: 60_000))
        #expect(limiter.take(1, of: Self.client(1), now: 0) { ["a"] } == nil)
        var asked = false
        #expect(
            limiter.take(1, of: Self.client(1), now: 0) {
                asked = true
                return []
            } == .posts(wait: 2000))
        #expect(!asked, "conversations of what is refused anyway are not looked for")
    }

    @Test("clients do not share a limit, and none without limits is remembered")
    func clients() {
        var limiter = Self.limiter(burst: 1)
        for number in 1...50 { #expect(limiter.take(1, of: Self.client(number), now: 0) { ["a"] } == nil) }
        for number in 1...50 { #expect(limiter.take(1, of: Self.client(number), now: 0) { ["a"] } != nil) }
        #expect(limiter.count == 50)
        #expect(limiter.take(1, of: .subject("1"), now: 0) { ["a"] } == nil)
        #expect(limiter.take(1, of: .subject("1"), now: 0) { ["a"] } != nil)
        var unlimited = Self.limiter(posts: 0, threads: 0)
        #expect(unlimited.take(1000, of: Self.client(1), now: 0) { ["a"] } == nil && unlimited.count == 0)
    }

    @Test("it remembers a fixed number, and forgets clients with a spent limit last", arguments: [1, 2, 3] as [UInt64])
    func forgetting(seed: UInt64) {
        var limiter = Self.limiter(clients: 100, seed: seed)
        // The attacker's own addresses are spent, the others have posted once.
        for number in 0..<10 { #expect(limiter.take(10, of: Self.client(number), now: 0) { ["a"] } == nil) }
        for number in 10..<5000 {
            #expect(limiter.take(1, of: Self.client(number), now: 0) { ["a"] } == nil)
            #expect(limiter.count == min(100, number + 1))
        }
        let remembered = (0..<10).count { limiter.take(1, of: Self.client($0), now: 0) { ["a"] } != nil }
        #expect(remembered == 10, "seed \(seed)")
        #expect(limiter.forgotten == 4900)
    }

    @Test("new limits apply to what comes then, and fewer clients are remembered at once")
    func adopt() {
        var limiter = Self.limiter(burst: 1)
        for number in 0..<100 { _ = limiter.take(1, of: Self.client(number), now: 0) { ["a"] } }
        limiter.adopt(.init(posts: 60, burst: 1, threads: 20, clients: 20))
        #expect(limiter.count == 20)
        #expect(limiter.take(1, of: Self.client(0), now: 0) { ["a"] } == .posts(wait: 2000))
        #expect(limiter.take(1, of: Self.client(0), now: 2000) { ["a"] } == nil)
        #expect(limiter.take(1, of: Self.client(0), now: 2000) { ["a"] } == .posts(wait: 1000))
    }
}
