import Redis
import TestSupport
import Testing

@Suite("repeats")
struct RepeatTests {
    private let library: TidingsLibrary
    private let token: String

    init() throws {
        library = try TidingsLibrary()
        token = try library.token(of: "w1")
    }

    /// Commits one event for each key, which is its name as well.
    private func pass(serial: Int, _ keys: [String], window: Int = 60_000, cap: Int = 1000) throws {
        try library.enqueue(keys)
        let pairs = keys.flatMap { [$0, "event \($0)"] }
        #expect(
            try library.commit(
                token: token, serial: serial, keys,
                [
                    "once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", String(window),
                    String(cap),
                    String(keys.count),
                ] + pairs) == "[OK]")
        #expect(try library.imbalance() == 0)
    }

    private func passed() throws -> [String] {
        try library.list(TidingsLibrary.next).map { String($0.dropFirst("event ".count)) }
    }

    @Test("a repeat is dropped within a batch and across commits, and counted")
    func repeats() throws {
        try pass(serial: 1, ["k1", "k2", "k1", "k1"])
        try pass(serial: 2, ["k3", "k2", "k1", "k4"])
        #expect(try passed() == ["k1", "k2", "k3", "k4"])
        #expect(try library.counter("dropped:duplicate") == 4)
        #expect(try library.counter("out") == 4)
    }

    @Test("a repeat is known after one change of the two sets, and forgotten after the second")
    func rotation() throws {
        try pass(serial: 1, ["k"])
        try library.redis.ask("HSET", TidingsLibrary.lane, "seen_since", "1")
        try pass(serial: 2, ["k"])
        #expect(try passed() == ["k"])
        try library.redis.ask("HSET", TidingsLibrary.lane, "seen_since", "1")
        try pass(serial: 3, ["k"])
        #expect(try passed() == ["k", "k"])
    }

    @Test(
        "after the server's clock went back a repeat is forgotten after two windows, not when the clock has caught up")
    func clockBack() throws {
        try pass(serial: 1, ["k"])
        let since = try #require(try library.redis.ask("HGET", TidingsLibrary.lane, "seen_since").integer)
        try library.redis.ask("HSET", TidingsLibrary.lane, "seen_since", String(since + 3_600_000))
        try pass(serial: 2, ["k"])
        #expect(try passed() == ["k"])
        let begun = try #require(try library.redis.ask("HGET", TidingsLibrary.lane, "seen_since").integer)
        #expect((since...since + 60_000).contains(begun), "the window begins anew")
    }

    @Test("no more keys than the cap are remembered, and the latest half of it always")
    func cap() throws {
        for serial in 1...40 { try pass(serial: serial, ["k\(serial)"], cap: 10) }
        let remembered =
            try (library.redis.ask("SCARD", "{t.0}:seen:new").integer ?? 0)
            + (library.redis.ask("SCARD", "{t.0}:seen:old").integer ?? 0)
        #expect(remembered <= 10)
        try pass(serial: 41, ["k40", "k39", "k38", "k37", "k36"], cap: 10)
        #expect(try passed() == (1...40).map { "k\($0)" })
    }

    @Test("what is remembered goes away by itself")
    func expiry() throws {
        try pass(serial: 1, ["k"], window: 5000)
        let left = try #require(try library.redis.ask("PTTL", "{t.0}:seen:new").integer)
        #expect((1...10_000).contains(left))
    }

    @Test("events without a key keep their place among those with one, and parts of an event share its fate")
    func mixed() throws {
        try library.enqueue(["1", "2", "3", "4"])
        let parts = ["k", "a", "", "b", "\0", "c", "k", "d", "", "e", "\0", "c"]
        #expect(
            try library.commit(
                token: token, serial: 1, ["1", "2", "3", "4"],
                ["once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "1000", "6"] + parts)
                == "[OK]")
        #expect(try library.list(TidingsLibrary.next) == ["a", "b", "c", "c"])
        #expect(try library.counter("out") == 3)
        #expect(try library.counter("dropped:duplicate") == 1)
        #expect(try library.counter("emitted") == 4)
        #expect(try library.imbalance() == 0)
        #expect(try library.imbalance(stage: "b") == 0)
    }
}
