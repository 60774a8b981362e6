import Redis
import Store
import TestSupport
import Testing

/// Histories that keep no event for longer than an age.
@Suite("the age of a history")
struct AgeTests {
    private let library: TidingsLibrary
    /// An hour.
    private static let age = 3_600_000

    init() throws {
        library = try TidingsLibrary()
    }

    private func publish(_ events: ClosedRange<Int>, history: Int = 1000, age: Int = Self.age) throws {
        try library.call("publish", ["c", "\(history)/\(age)", "86400000"] + events.map { "e\($0)" })
    }

    private func history() throws -> ChannelHistory {
        try library.call(.newest(of: ChannelFeed(channel: "c", epochKey: "{t.0}:epoch"), after: 0, limit: 100_000))
    }

    /// As if these events had been published so long ago, and as if it was time to look at the feed.
    private func age(_ numbers: ClosedRange<Int>, by ms: Int) throws {
        let now = try #require(try library.redis.ask("TIME").array?.first?.integer) * 1000
        for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 500) {
            let words = (start...min(start + 499, numbers.upperBound)).flatMap {
                ["\(now - Int64(ms)).\(String($0 + 100_000).suffix(5))", "\($0)"]
            }
            try library.redis.ask(words: ["ZADD", "feed.ids:{c}"] + words)
        }
        try library.redis.ask("HSET", "feed.config:{c}", "due", "0")
    }

    private func sweep() throws {
        #expect(try library.call(FunctionCall<SweepAnswer>.sweep(from: "0", share: 1)).removed == 0)
    }

    private func due() throws -> Int64 { try library.redis.ask("HGET", "feed.config:{c}", "due").integer ?? -1 }

    @Test("an append takes what is too old, and writes the floor", arguments: [1, 5])
    func append(_ count: Int) throws {
        try publish(1...10)
        #expect(try history().floor == 0)
        try age(1...4, by: Self.age + 1000)
        try publish(11...10 + count)
        let read = try history()
        #expect(read.floor == 4 && read.items.map(\.sequence) == Array(5...Int64(10 + count)))
        #expect(try library.redis.ask("HLEN", "feed.items:{c}").integer == Int64(6 + count))
        #expect(try library.redis.ask("ZCARD", "feed.ids:{c}").integer == Int64(6 + count))
    }

    @Test("the sweep takes it as well, of a feed in which nothing is published any more")
    func swept() throws {
        try publish(1...10)
        try age(1...10, by: Self.age / 2)
        try age(1...7, by: Self.age + 1000)
        try sweep()
        #expect(try history().floor == 7 && history().items.map(\.sequence) == [8, 9, 10])
        #expect(try due() > 0)
        let before = try library.redis.ask("HGETALL", "feed.config:{c}").line
        try sweep()
        #expect(try library.redis.ask("HGETALL", "feed.config:{c}").line == before, "it is not due")
    }

    @Test("all events may be too old: the feed stays, with its numbers, until it was idle for its ttl")
    func all() throws {
        try publish(1...10)
        try age(1...10, by: Self.age + 1000)
        try sweep()
        #expect(try history().floor == 10 && history().items.isEmpty && history().born > 0)
        try publish(11...12)
        #expect(try history().floor == 10 && history().items.map(\.sequence) == [11, 12])
    }

    @Test("what goes by age is not announced")
    func announced() throws {
        let heard = try Announcements(["feed.retract:{c}", "feed.publish:{c}"], library: library)
        try publish(1...3, history: 3)
        try age(1...1, by: Self.age + 1000)
        try publish(4...6, history: 3)
        #expect(try heard.first(6) == (1...6).map { "feed.publish:{c} \($0)|e\($0)" })
        #expect(try history().floor == 3)
        try library.redis.ask("PUBLISH", "feed.retract:{c}", "end")
        #expect(try heard.first(7).last == "feed.retract:{c} end")
    }

    @Test("a call takes at most 10,000 numbers by age, and the floor says how far it is", arguments: [true, false])
    func stepwise(isSweep: Bool) throws {
        for start in stride(from: 1, to: 12_000, by: 1000) { try publish(start...start + 999, history: 50_000) }
        try age(1...11_990, by: Self.age + 1000)
        if isSweep { try sweep() } else { try publish(12_001...12_001, history: 50_000) }
        #expect(try history().floor == (isSweep ? 10_000 : 10_001))
        #expect(try due() == 0, "the rest is due at once")
        if isSweep { try sweep() } else { try publish(12_002...12_002, history: 50_000) }
        #expect(try history().floor == 11_990)
        #expect(try history().items.count == (isSweep ? 10 : 12))
    }

    @Test("where nothing is due an append costs as many calls as without an age")
    func cheap() throws {
        func calls(_ history: String, _ channel: String) throws -> Int64 {
            for _ in 0..<2 { try library.call("publish", [channel, history, "60000", "e"]) }
            try library.redis.ask("CONFIG", "RESETSTAT")
            for _ in 0..<50 { try library.call("publish", [channel, history, "60000", "e"]) }
            let statistics = try #require(try library.redis.ask("INFO", "commandstats").text)
            return statistics.split(separator: "\r\n").filter { $0.hasPrefix("cmdstat_") }.reduce(0) { sum, line in
                let count = line.split(separator: "calls=").last?.prefix { $0.isNumber } ?? ""
                return sum + (Int64(count) ?? 0)
            }
        }
        #expect(try calls("10000", "x") == calls("10000/3600000", "y"))
    }

    @Test("an age that is given, changed or taken away counts from the next event on")
    func changed() throws {
        try library.call("publish", ["c", "1000", "86400000"] + (1...10).map { "e\($0)" })
        try age(1...4, by: Self.age + 1000)
        try library.call("publish", ["c", "1000", "86400000", "e11"])
        #expect(try history().floor == 0)
        try sweep()
        #expect(try history().floor == 0, "no age, nothing is too old")
        try publish(12...12)
        #expect(try history().floor == 4)
        try age(5...8, by: Self.age + 1000)
        try library.call("publish", ["c", "1000", "86400000", "e13"])
        try sweep()
        #expect(try history().floor == 4)
    }

    @Test("a clock that steps back hides nothing: numbers, floor and items agree whatever the times say")
    func clockBack() throws {
        try publish(1...30)
        for number in 1...20 {
            try library.redis.ask("ZADD", "feed.ids:{c}", "\(9_000_000_000_000 + number)", "\(number)")
        }
        try library.redis.ask("HSET", "feed.config:{c}", "due", "0")
        try publish(31...31)
        var read = try history()
        #expect(read.items.map(\.sequence) == Array(read.floor + 1...31))
        try age(21...25, by: Self.age + 1000)
        try publish(32...32)
        read = try history()
        #expect(read.items.map(\.sequence) == Array(read.floor + 1...32), "no hole above the floor")
    }

    @Test("holes and items of other clients do not stop it")
    func strays() throws {
        try publish(1...10)
        try age(1...6, by: Self.age + 1000)
        for name in ["nan", "2.5", "-1", "x"] { try library.redis.ask("ZADD", "feed.ids:{c}", "1", name) }
        let now = try #require(try library.redis.ask("TIME").array?.first?.integer) * 1000
        for name in ["a", "b"] { try library.redis.ask("ZADD", "feed.ids:{c}", "\(now)", name) }
        try library.redis.ask("ZREM", "feed.ids:{c}", "7")
        try library.redis.ask("HDEL", "feed.items:{c}", "7")
        try publish(11...11)
        #expect(try history().floor == 7 && history().items.map(\.sequence) == [8, 9, 10, 11])
    }
}
