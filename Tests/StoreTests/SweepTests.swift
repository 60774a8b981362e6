import Redis
import TestSupport
import Testing

@Suite("clearing idle feeds")
struct SweepTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    /// Looks at all feeds once; gives how many were removed.
    private func sweep(share: Int = 1) throws -> Int64 {
        var cursor = "0"
        var removed: Int64 = 0
        repeat {
            let answer = try library.redis.ask("FCALL", "tidings_sweep", "0", cursor, String(share))
            cursor = try #require(answer.array?.first?.text)
            removed += try #require(answer.array?.last?.integer)
        } while cursor != "0"
        return removed
    }

    @Test("a feed that was idle for its ttl goes whole, and it is announced")
    func idle() throws {
        let heard = try Announcements(["delfeed"], library: library)
        try library.call("publish", ["old", "10", "60000", "a", "b"])
        try library.call("publish", ["new", "10", "60000", "a"])
        for id in ["1", "2"] { try library.redis.ask("ZADD", "feed.ids:{old}", "1000", id) }
        #expect(try sweep() == 1)
        #expect(try library.redis.ask("KEYS", "*{old}").line == "[]")
        #expect(try library.redis.ask("SMEMBERS", "feeds").line == "[{new}]")
        #expect(try heard.first(1) == ["delfeed {old}|tidings"])
        #expect(try library.call("publish", ["old", "10", "60000", "a"]) == "1")
    }

    @Test("feeds of others stay: without a ttl, or with keys of another type")
    func foreign() throws {
        try library.redis.ask("SADD", "feeds", "theirs", "queue", "odd")
        try library.redis.ask("HSET", "feed.config:theirs", "type", "feed", "max_length", "5")
        try library.redis.ask("ZADD", "feed.ids:theirs", "1", "id")
        try library.redis.ask("HSET", "feed.config:queue", "type", "queue")
        try library.redis.ask("LPUSH", "feed.ids:queue", "id")
        try library.redis.ask("SET", "feed.config:odd", "not a hash")
        // A time that the clock does not reach: nothing of it is written down.
        try library.redis.ask("HSET", "feed.swept", "time", "9999999999999")
        let before = try library.redis.dump()
        #expect(try sweep() == 0)
        #expect(try library.redis.dump() == before)
    }

    @Test("a feed all of whose events were retracted goes, one with ttl 0 stays for ever")
    func empty() throws {
        try library.call("publish", ["retracted", "10", "60000", "a"])
        try library.redis.ask("DEL", "feed.ids:{retracted}", "feed.items:{retracted}")
        try library.call("publish", ["eternal", "10", "0", "a"])
        try library.redis.ask("ZADD", "feed.ids:{eternal}", "1000", "1")
        #expect(try sweep() == 1)
        #expect(try library.redis.ask("SMEMBERS", "feeds").line == "[{eternal}]")
    }

    @Test("all feeds are seen in as many calls as the share says, give or take the set's own paging")
    func pages() throws {
        for index in 0..<300 {
            try library.call("publish", ["c\(index)", "10", "60000", "a"])
            try library.redis.ask("ZADD", "feed.ids:{c\(index)}", "1000", "1")
        }
        let answer = try library.redis.ask("FCALL", "tidings_sweep", "0", "0", "10")
        let removed = try #require(answer.array?.last?.integer)
        #expect((10...60).contains(removed))
        // A set that shrinks while it is scanned may show its members later: a few rounds see all.
        for _ in 0..<5 where try library.redis.ask("SCARD", "feeds").integer != 0 { _ = try sweep(share: 10) }
        #expect(try library.redis.ask("EXISTS", "feeds").line == "0")
    }
}
