import Redis
import Store
import TestSupport
import Testing

/// What the server writes down about feeds that were removed, and what positions of channels without a feed are worth by
/// it. The clock of these tests is that of the server, moved by what is written down.
@Suite("positions of channels without a feed")
struct UnbornTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    private func history(of channel: String) throws -> ChannelHistory {
        let feed = ChannelFeed(channel: channel, epochKey: "{t.0}:epoch")
        return try library.call(.newest(of: feed, after: 0, limit: 10))
    }

    private func publish(_ channel: String, ttl: Int64 = 60_000) throws {
        try library.call("publish", [channel, "10", String(ttl), "e"])
    }

    /// The feed has been idle for longer than it may be.
    private func age(_ channel: String) throws {
        for id in try library.redis.ask("ZRANGE", "feed.ids:{\(channel)}", "0", "-1").array ?? [] {
            try library.redis.ask("ZADD", "feed.ids:{\(channel)}", "1000", id.text ?? "")
        }
    }

    @discardableResult
    private func sweep() throws -> Int64 {
        var removed: Int64 = 0
        for _ in 0..<3 {
            removed += try library.call(FunctionCall<SweepAnswer>.sweep(from: "0", share: 1)).removed
        }
        return removed
    }

    /// Whether a position that was given at that time is good, as an edge judges it.
    private func holds(_ time: Int64, in history: ChannelHistory) -> Bool {
        time > history.swept && (history.born == 0 || time <= history.born)
    }

    @Test("while the clock is behind, a position that is given after a birth is later than it")
    func behind() throws {
        let ahead = try history(of: "c").time + 3_600_000
        try library.redis.ask("HSET", "feed.swept", "time", String(ahead))
        try publish("a")
        #expect(try history(of: "a").born == ahead)
        let given = try history(of: "c").time
        try age("a")
        #expect(try sweep() == 1)
        #expect(try holds(given, in: history(of: "c")))
        #expect(try !holds(ahead, in: history(of: "c")), "it may have been given before the birth")
    }

    @Test("the position's time is written down, follows the clock, and never falls")
    func time() throws {
        let first = try history(of: "c")
        let now = try #require(try library.redis.ask("TIME").array?.first?.text.flatMap { Int64($0) }) * 1000
        #expect(first.born == 0 && first.swept == 0 && (now - 60_000...now + 60_000).contains(first.time))
        #expect(try history(of: "c").time == first.time, "to read writes nothing")
        try library.redis.ask("HSET", "feed.swept", "time", String(first.time - 10_000))
        try sweep()
        #expect(try history(of: "c").time >= first.time, "time passes with each sweep")
        // As after the clock was set back by an hour.
        try library.redis.ask("HSET", "feed.swept", "time", String(first.time + 3_600_000))
        try sweep()
        #expect(try library.hello().hasPrefix("[OK"))
        #expect(try history(of: "c").time == first.time + 3_600_000)
    }

    @Test("a feed that lived and was removed since is known, and one that was not is as well")
    func sequence() throws {
        let given = try history(of: "c").time
        try publish("c")
        let lived = try history(of: "c")
        #expect(lived.born >= given && holds(given, in: lived))
        try age("c")
        #expect(try sweep() == 1)
        let gone = try history(of: "c")
        #expect(gone.born == 0 && gone.swept == lived.born && gone.time > lived.born)
        #expect(!holds(given, in: gone), "its events were missed")
        #expect(holds(gone.time, in: gone))
        try publish("c")
        let again = try history(of: "c")
        #expect(!holds(given, in: again) && holds(gone.time, in: again))
        // Feeds of other channels come and go: what was known at its birth is true for as long as it lives.
        try publish("d")
        try age("d")
        #expect(try sweep() == 1)
        #expect(try holds(gone.time, in: history(of: "c")))
        #expect(try history(of: "d").swept > again.swept)
    }

    @Test("it is known although the clock stepped back in between, or the ttl was lowered", arguments: [true, false])
    func clockAndLength(isClock: Bool) throws {
        if isClock {
            // What is written down is an hour ahead of the clock.
            let now = try history(of: "c").time
            try library.redis.ask("HSET", "feed.swept", "time", String(now + 3_600_000))
        }
        var given: [Int64] = []
        for round in 0..<4 {
            given.append(try history(of: "c").time)
            try publish("c", ttl: isClock ? 60_000 : [86_400_000, 1, 60_000, 1000][round])
            let lives = try history(of: "c")
            #expect(given.map { holds($0, in: lives) } == given.indices.map { $0 == round }, "only the newest is good")
            try age("c")
            #expect(try sweep() == 1)
            let gone = try history(of: "c")
            #expect(given.allSatisfy { !holds($0, in: gone) } && holds(gone.time, in: gone))
        }
    }

    @Test("where nothing was written down yet, positions have no time, and a feed that is removed is told all the same")
    func nothingWritten() throws {
        try library.redis.ask("DEL", "feed.swept")
        #expect(try history(of: "c").time == 0)
        try publish("c")
        #expect(try history(of: "c").swept == 0)
        try age("c")
        #expect(try sweep() == 1)
        let gone = try history(of: "c")
        #expect(gone.swept > 0 && gone.time > gone.swept)
    }

    @Test("after FLUSHALL the heartbeat that renews the epoch writes the time down, before any position is given")
    func flushed() throws {
        try library.redis.ask("FLUSHALL")
        try library.beat("w1", ["shape", "1/1/a,b"])
        let given = try history(of: "c")
        #expect(given.born == 0 && given.time > 0)
        try publish("c")
        #expect(try holds(given.time, in: history(of: "c")))
    }

    @Test("a user who may not write the time down renews the epoch all the same")
    func rights() throws {
        try library.redis.ask("FLUSHALL")
        try library.redis.ask("ACL", "SETUSER", "default", "resetkeys", "~t:*", "~{t.*", "%R~*")
        try library.beat("w1", ["shape", "1/1/a,b"])
        #expect(try library.redis.ask("HGET", "{t.0}:epoch", "shape").text == "1/1/a,b")
        #expect(try library.redis.ask("ZCARD", "t:procs").integer == 1)
        #expect(try history(of: "c").time == 0)
        #expect(try library.hello().hasPrefix("[OK"))
        try library.redis.ask("ACL", "SETUSER", "default", "~*")
        #expect(try library.hello().hasPrefix("[OK"))
        #expect(try history(of: "c").time > 0)
    }

    @Test("feeds of older versions and of other clients are judged by what is known now")
    func older() throws {
        try publish("old")
        try library.redis.ask("HDEL", "feed.config:{old}", "swept")
        try library.redis.ask("HSET", "feed.swept", "born", "1234567890123")
        #expect(try history(of: "old").swept == 1_234_567_890_123)
        // Another client's feed tells no birth, and is no channel without a feed.
        try library.redis.ask("SET", "feed.publishes:{theirs}", "3")
        #expect(try history(of: "theirs").born == 1)
    }

    @Test("a process of an older version gets the answer that it knows")
    func oldCall() throws {
        try publish("c")
        let words = ["c", "0", "10"]
        let born = try history(of: "c").born
        let answer = try library.call("history", keys: ["{t.0}:epoch"], words)
        #expect(answer.hasSuffix(", \(born), 1, 0, 1, 1, e]"), "\(answer)")
        #expect(try library.call("history", keys: ["{t.0}:epoch"], words + ["100"]) == answer)
    }

    @Test(
        "a foreign key in place of what is written down is an error before anything is written; feeds that exist go on")
    func foreign() throws {
        try publish("c")
        try library.redis.ask("DEL", "feed.swept")
        try library.redis.ask("LPUSH", "feed.swept", "x")
        try publish("c")
        #expect(try history(of: "c").last == 2)
        #expect(throws: RedisError.self) { try publish("new") }
        #expect(throws: RedisError.self) { try history(of: "new") }
        #expect(try library.hello().hasPrefix("[OK"))
        #expect(try sweep() == 0)
        try age("c")
        #expect(throws: RedisError.self) { try sweep() }
        #expect(try history(of: "c").last == 2, "nothing was removed")
    }
}
