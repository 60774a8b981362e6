import Redis
import Store
import TestSupport
import Testing

@Suite("the history of a channel")
struct HistoryTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    private func history(after: Int64, limit: Int = 100, bytes: Int? = nil) throws -> ChannelHistory {
        let feed = ChannelFeed(channel: "c", epochKey: "{t.0}:epoch")
        guard let bytes else { return try library.call(.newest(of: feed, after: after, limit: limit)) }
        return try library.call(.oldest(of: feed, after: after, limit: limit, bytes: bytes))
    }

    private func publish(_ events: ClosedRange<Int>, history: Int = 100) throws {
        try library.call("publish", ["c", String(history), "60000"] + events.map { "e\($0)" })
    }

    @Test("a feed that does not exist has zeros, and the epoch")
    func none() throws {
        let read = try history(after: 0)
        #expect([read.born, read.last, read.floor] == [0, 0, 0])
        #expect(read.items.isEmpty)
        #expect(read.epoch == (try library.redis.ask("HGET", "{t.0}:epoch", "number").integer))
    }

    @Test("events after a sequence number come in order", arguments: [(0, 1), (3, 4), (9, 10), (10, nil), (50, nil)])
    func after(_ sequence: Int64, _ first: Int64?) throws {
        try publish(1...10)
        let read = try history(after: sequence)
        #expect(read.items.map(\.sequence) == first.map { Array($0...10) } ?? [])
        #expect(read.items.map { String(decoding: $0.event, as: UTF8.self) } == read.items.map { "e\($0.sequence)" })
        #expect([read.last, read.floor] == [10, 0])
    }

    @Test("a history is complete when nothing that is kept after the asked number is left out")
    func complete() throws {
        try publish(1...10)
        #expect(try history(after: 0, limit: 10).isComplete)
        #expect(try history(after: 7, limit: 3).isComplete)
        #expect(try !history(after: 0, limit: 9).isComplete)
        #expect(try history(after: 0, bytes: 1000).isComplete)
        #expect(try !history(after: 0, bytes: 4).isComplete)
        #expect(try history(after: 10, bytes: 4).isComplete)
    }

    @Test("a feed says whether its conversation is closed; processes of older versions get an answer as before")
    func closed() throws {
        #expect(try !history(after: 0).isClosed, "there is no feed")
        try publish(1...2)
        #expect(try !history(after: 0).isClosed)
        try library.redis.ask("HSET", "feed.config:{c}", "closed", "1")
        #expect(try history(after: 0).isClosed && history(after: 2).isClosed && history(after: 0, bytes: 2).isClosed)
        #expect(try history(after: 0).items.count == 2)
        let older = ["FCALL_RO", "tidings_history", "1", "{t.0}:epoch", "c", "1", "100", ""]
        #expect(try library.redis.ask(words: older + ["1"]).array?.dropFirst(7).map(\.text) == ["2", "e2"])
        #expect(try library.redis.ask(words: older + ["2"]).array?.dropFirst(7).map(\.text) == ["1", "2", "e2"])
        #expect(try library.redis.ask(words: older).array?.dropFirst(5).map(\.text) == ["2", "e2"])
        try library.redis.ask("HDEL", "feed.config:{c}", "closed")
        #expect(try !history(after: 0).isClosed)
    }

    @Test("a limit gives the newest")
    func limit() throws {
        try publish(1...10)
        #expect(try history(after: 0, limit: 3).items.map(\.sequence) == [8, 9, 10])
        #expect(try history(after: 8, limit: 3).items.map(\.sequence) == [9, 10])
        #expect(try history(after: 0, limit: 0).items.isEmpty)
    }

    @Test(
        "with a bound of bytes it is the oldest, and one in any case",
        arguments: [
            (0, 100, 4, [1, 2]), (0, 100, 5, [1, 2]), (0, 100, 1, [1]), (0, 100, 0, [1]), (0, 100, -1, [1]),
            (3, 2, 100, [4, 5]), (3, 1, 0, [4]), (7, 100, 100, [8, 9, 10]), (9, 100, 1, [10]), (10, 100, 100, []),
            (50, 100, 100, []), (-5, 3, 100, [1, 2, 3]),
        ] as [(Int64, Int, Int, [Int64])])
    func oldest(_ after: Int64, _ limit: Int, _ size: Int, _ expected: [Int64]) throws {
        try publish(1...10)
        let read = try history(after: after, limit: limit, bytes: size)
        #expect(read.items.map(\.sequence) == expected)
        #expect(read.items.map { String(decoding: $0.event, as: UTF8.self) } == expected.map { "e\($0)" })
        #expect([read.last, read.floor] == [10, 0])
    }

    @Test("part after part a history comes whole: over holes, empty events, NUL and what is no text")
    func parts() throws {
        var random = SplitMix64()
        let events = (0..<300).map { _ in
            (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        _ = try library.call(.publish(events, to: "c", keeping: .log(events: 1000), lifetime: 60_000))
        // Holes longer than what is read at once.
        var gone = Set(Int64(40)...140).union([1, 300])
        for _ in 0..<30 { gone.insert(Int64.random(in: 1...300, using: &random)) }
        try library.redis.ask(words: ["ZREM", "feed.ids:{c}"] + gone.map { "\($0)" })
        try library.redis.ask(words: ["HDEL", "feed.items:{c}"] + gone.map { "\($0)" })
        var after: Int64 = 0
        var read: [ChannelHistory.Item] = []
        while true {
            let items = try history(after: after, limit: 50, bytes: 200).items
            guard let last = items.last else { break }
            #expect(items.count <= 50 && (items.count == 1 || items.reduce(0) { $0 + $1.event.count } <= 200))
            read += items
            after = last.sequence
        }
        let expected = (1...300).map { Int64($0) }.filter { !gone.contains($0) }
        #expect(read.map(\.sequence) == expected, "seed \(random.seed)")
        #expect(read.map(\.event) == expected.map { events[Int($0) - 1] }, "seed \(random.seed)")
    }

    @Test("a part of a long history costs the server no more than a part")
    func partOfLong() throws {
        for start in stride(from: 1, to: 5000, by: 500) { try publish(start...start + 499, history: 5000) }
        try library.redis.ask("CONFIG", "RESETSTAT")
        #expect(try history(after: 2000, limit: 10_000, bytes: 100).items.map(\.sequence) == Array(2001...2020))
        let statistics = try #require(try library.redis.ask("INFO", "commandstats").text)
        // Once for the configuration, once for some events.
        #expect(statistics.contains("cmdstat_hmget:calls=2,"), "\(statistics)")
    }

    @Test("keys of a foreign type are an error, and no history", arguments: ["items", "ids", "config", "publishes"])
    func foreign(_ key: String) throws {
        try publish(1...3)
        try library.redis.ask("DEL", "feed.\(key):{c}")
        try library.redis.ask("LPUSH", "feed.\(key):{c}", "x")
        #expect(throws: RedisError.self) { try history(after: 0, bytes: 100) }
        #expect(throws: RedisError.self) { try history(after: 0) }
    }

    @Test("what fell off is not there, and up to where is told")
    func fallen() throws {
        try publish(1...10, history: 4)
        let read = try history(after: 0)
        #expect(read.items.map(\.sequence) == [7, 8, 9, 10])
        #expect(read.floor == 6)
    }

    @Test("a history that is raised brings nothing back: the floor stays where the feed was cut")
    func raised() throws {
        try publish(1...500, history: 100)
        try publish(501...510, history: 1000)
        let read = try history(after: 10, limit: 1000)
        #expect(read.floor == 400)
        #expect(read.items.map(\.sequence) == Array(401...510))
        #expect(read.isComplete)
    }

    @Test("a history that is lowered is cut by the next event, without holes", arguments: [1, 10, 150])
    func lowered(_ count: Int) throws {
        try publish(1...1000, history: 1000)
        try publish(1001...1000 + count, history: 100)
        let read = try history(after: 0, limit: 1000)
        #expect(read.floor == Int64(900 + count))
        #expect(read.items.map(\.sequence) == Array(Int64(901 + count)...Int64(1000 + count)))
        #expect(try library.redis.ask("ZCARD", "feed.ids:{c}").integer == 100)
        #expect(try library.redis.ask("HLEN", "feed.items:{c}").integer == 100)
    }

    @Test("two processes with different histories leave no hole")
    func different() throws {
        for number in stride(from: 1, to: 300, by: 2) {
            try publish(number...number, history: 100)
            try publish(number + 1...number + 1, history: 20)
            let read = try history(after: 0, limit: 1000)
            #expect(read.items.map(\.sequence) == Array(read.floor + 1...read.last))
        }
        #expect(try history(after: 0, limit: 1000).floor == 280)
    }

    @Test("a history that is made very much shorter is cut over several calls, and the floor says how far it is")
    func stepwise() throws {
        for start in stride(from: 1, to: 12_000, by: 1000) { try publish(start...start + 999, history: 12_000) }
        try publish(12_001...12_001, history: 10)
        let read = try history(after: 0, limit: 20_000)
        #expect(read.floor == 10_001)
        #expect(read.items.map(\.sequence) == Array(10_002...12_001))
        try publish(12_002...12_002, history: 10)
        #expect(try history(after: 0).items.map(\.sequence) == Array(11_993...12_002))
    }

    @Test("a clock that steps back takes no event out of a reader's sight")
    func clockBack() throws {
        try publish(1...30)
        // As if the clock had been ahead when these were written.
        for number in 1...30 {
            try library.redis.ask("ZADD", "feed.ids:{c}", "\(9_000_000_000_000 + number)", "\(number)")
        }
        try publish(31...40)
        #expect(try history(after: -1).items.map(\.sequence) == Array(1...40))
        #expect(try history(after: -1, bytes: 10_000).items.map(\.sequence) == Array(1...40))
        let ids = try library.redis.ask("ZRANGE", "feed.ids:{c}", "0", "-1").line
        #expect(ids == "[\((1...40).map(String.init).joined(separator: ", "))]", "for other Thoonk clients as well")
    }

    @Test("a feed whose times were written in disorder is read and cut by number")
    func disorder() throws {
        try publish(1...30)
        for number in 1...20 {
            try library.redis.ask("ZADD", "feed.ids:{c}", "\(9_000_000_000_000 + number)", "\(number)")
        }
        #expect(try history(after: -1).items.map(\.sequence) == Array(1...30))
        try publish(31...40, history: 15)
        #expect(try history(after: -1).items.map(\.sequence) == Array(26...40))
    }

    @Test(
        "a feed of an older version has lost what it does not hold, and the next event writes that down",
        arguments: [
            // Raised from 100 to 1000; a hole in the middle; nothing cut; the newest is missing.
            ([], 400, Array(401...511)), ([450], 450, Array(451...511)), ([450, 510], 510, [511]),
        ] as [([Int], Int64, [Int64])])
    func upgraded(_ missing: [Int], _ floor: Int64, _ kept: [Int64]) throws {
        try publish(1...500, history: 100)
        try publish(501...510, history: 1000)
        for number in missing {
            try library.redis.ask("ZREM", "feed.ids:{c}", "\(number)")
            try library.redis.ask("HDEL", "feed.items:{c}", "\(number)")
        }
        try library.redis.ask("HDEL", "feed.config:{c}", "floor")
        #expect(try history(after: 0, limit: 1000).floor == floor)
        try publish(511...511, history: 1000)
        #expect(try library.redis.ask("HGET", "feed.config:{c}", "floor").integer == floor)
        let read = try history(after: 0, limit: 1000)
        #expect(read.floor == floor && read.items.map(\.sequence) == kept)
    }

    @Test("items of other clients do not pile up in a channel's feed, and take no event's place")
    func strays() throws {
        try publish(1...10, history: 10)
        for number in 1...20 {
            try library.redis.ask("ZADD", "feed.ids:{c}", "\(number)", "stray\(number)")
            try library.redis.ask("HSET", "feed.items:{c}", "stray\(number)", "x")
        }
        try publish(11...64, history: 10)
        #expect(try history(after: 0).items.map(\.sequence) == Array(55...64))
        #expect(try library.redis.ask("ZCARD", "feed.ids:{c}").integer == 10)
        #expect(try library.redis.ask("HLEN", "feed.items:{c}").integer == 10)
    }

    @Test("a retracted event leaves a hole")
    func hole() throws {
        try publish(1...5)
        try library.redis.ask("ZREM", "feed.ids:{c}", "3")
        try library.redis.ask("HDEL", "feed.items:{c}", "3")
        #expect(try history(after: 1).items.map(\.sequence) == [2, 4, 5])
    }

    @Test(
        "numbers far beyond the items cost nothing: Redis serves nobody else meanwhile",
        arguments: [
            // Nothing kept; the oldest with an id of another client's; all but the oldest fallen off, with a bound or none.
            (["DEL", "feed.ids:{c}"], []), (["ZADD", "feed.ids:{c}", "0", "some-id"], [1, 2, 3]),
            (["ZADD", "feed.ids:{c}", "0", "nan", "0", "2.5", "0", "-1", "0", "0x1"], [1, 2, 3]),
            (["HSET", "feed.config:{c}", "max_length", "100"], [1, 2, 3]),
            (["HDEL", "feed.config:{c}", "max_length"], [1, 2, 3]),
        ] as [([String], [Int64])])
    func sparse(_ damage: [String], _ expected: [Int64]) throws {
        try publish(1...3)
        // To go through so many takes Redis a minute: far longer than the history is waited for.
        try library.redis.ask("SET", "feed.publishes:{c}", "200000000")
        try library.redis.ask(words: damage)
        for bytes in [nil, 1000] {
            let read = try history(after: 0, limit: Int(Int32.max), bytes: bytes)
            #expect(read.items.map(\.sequence) == expected && read.last == 200_000_000)
            #expect(read.items.map { String(decoding: $0.event, as: UTF8.self) } == expected.map { "e\($0)" })
        }
    }

    @Test("a long history comes whole")
    func long() throws {
        for start in stride(from: 1, to: 5000, by: 500) { try publish(start...start + 499, history: 5000) }
        #expect(try history(after: 0, limit: 10_000).items.map(\.sequence) == Array(1...5000))
    }

    @Test("publishing gives the last sequence number")
    func publishing() throws {
        #expect(
            try library.call(
                .publish([Array("a".utf8), [0, 255]], to: "c", keeping: .log(events: 10), lifetime: 1000)) == 2)
        #expect(try history(after: 1).items.map(\.event) == [[0, 255]])
    }

    @Test(
        "an announcement is taken apart at its first NUL",
        arguments: [
            ("1|a", 1, "a"), ("42|a|b", 42, "a|b"), ("7|", 7, ""), ("9223372036854775807|x", .max, "x"),
        ])
    func announcement(_ text: String, _ sequence: Int64, _ event: String) throws {
        let parsed = try #require(ChannelFeed.parse(announcement: bytes(text)))
        #expect(parsed.sequence == sequence)
        #expect(Array(parsed.event) == bytes(event))
    }

    @Test(
        "an announcement that is none of ours is refused",
        arguments: [
            "", "|", "|a", "1", "a|b", "-1|a", "+1|a", "1 |a", "9223372036854775808|a", "00000000000000000001|",
        ])
    func foreignAnnouncement(_ text: String) {
        #expect(ChannelFeed.parse(announcement: bytes(text)) == nil)
    }

    private func bytes(_ text: String) -> [UInt8] {
        text.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 }
    }
}
