import Redis
import TestSupport
import Testing

/// Redis checks rights when a command is run, which may be in the middle of a function.
@Suite("a user who lacks a right")
struct RightsTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
        try library.redis.ask("ACL", "SETUSER", "ann", "on", ">secret", "~*", "&*", "+@all")
    }

    /// Calls a function as the user `ann`; gives the answer or the error as redis-cli prints it.
    private func call(_ words: [String]) throws -> String {
        try library.server.cli(["--user", "ann", "--pass", "secret", "--no-auth-warning", "FCALL"] + words)
    }

    private func commit(_ events: [String], token: String) throws -> String {
        try call(
            [
                "tidings_commit", "2", TidingsLibrary.lane, TidingsLibrary.queue, token, "1", "\(events.count)",
                events[0],
            ]
                + [events.count > 1 ? events[events.count - 1] : "", "60000"]
                + ["feeds", "100", "60000", TidingsLibrary.dead, "10", "\(events.count)"] + events
                + ["2", "x", "\(events.count)"] + events.indices.map { "\($0 + 1)" }
                + ["y", "1", "1", "count", "out", "\(events.count)"])
    }

    @Test(
        "a commit to feeds is refused whole, and says which right is missing",
        arguments: [
            (["resetchannels", "&feed.*", "&conffeed"], "PUBLISH on newfeed"),
            (["resetchannels", "&newfeed", "&conffeed", "&feed.publish:*"], "PUBLISH on feed.retract:{x}"),
            (["resetchannels", "&newfeed", "&conffeed", "&feed.*{x}"], "PUBLISH on feed.publish:{y}"),
            (["-publish"], "PUBLISH on feed.publish:{x}"), (["-zrem"], "ZREM on feed.ids:"),
            (["-hset"], "HSET on feed.items:{x}"), (["-mget"], "can't run this command"),
            (["resetkeys", "~{t.0}*", "~feeds", "~feed.*{x}"], "INCRBY on feed.publishes:{y}"),
            (["resetkeys", "~{t.0}*", "~feed.*"], "SADD on feeds"),
            (["resetkeys", "~{t.0}:[lq]*", "~feed*"], "RPUSH on {t.0}:dead:a"),
            (["-ltrim"], "LTRIM on {t.0}:"),
        ])
    func commit(_ rules: [String], _ right: String) throws {
        let token = try library.token(of: "w1")
        let events = (1...100).map { "e\($0)" }
        try library.enqueue(events)
        try library.redis.ask(words: ["ACL", "SETUSER", "ann"] + rules)
        let before = try library.redis.dump()
        let refusal = try commit(events, token: token)
        #expect(refusal.contains(right), "\(refusal)")
        #expect(try library.redis.dump() == before)

        try library.redis.ask("ACL", "SETUSER", "ann", "~*", "&*", "+@all")
        #expect(try commit(events, token: token) == "OK")
        #expect(try library.redis.ask("ZCARD", "feed.ids:{x}").integer == 100)
        #expect(try library.redis.ask("ZCARD", "feed.ids:{y}").integer == 1)
        #expect(try library.imbalance() == 0)
    }

    @Test("publishing is refused whole as well")
    func publish() throws {
        try library.redis.ask("ACL", "SETUSER", "ann", "resetchannels", "&feed.*")
        let before = try library.redis.dump()
        #expect(try call(["tidings_publish", "0", "c", "10", "60000", "a", "b"]).contains("PUBLISH on newfeed"))
        #expect(try library.redis.dump() == before)
        try library.redis.ask("ACL", "SETUSER", "ann", "&newfeed", "&conffeed")
        #expect(try call(["tidings_publish", "0", "c", "10", "60000", "a", "b"]) == "2")
    }

    @Test("one channel that stands twice in a commit gets its events in order")
    func twice() throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["a", "b", "c"])
        let feeds = ["feeds", "2", "60000", TidingsLibrary.dead, "10"]
        #expect(
            try library.commit(
                token: token, serial: 1, ["a", "b", "c"], feeds + ["2", "a", "b", "2", "x", "1", "1", "x", "1", "2"],
                feeds + ["1", "c", "1", "x", "1", "1"]) == "[OK]")
        #expect(try library.redis.ask("ZRANGE", "feed.ids:{x}", "0", "-1").line == "[2, 3]")
        #expect(try library.redis.ask("HMGET", "feed.items:{x}", "2", "3").line == "[b, c]")
        #expect(try library.redis.ask("HGET", "feed.config:{x}", "floor").line == "1")
    }
}
