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
            (["resetchannels", "&newfeed", "&conffeed", "&feed.*{x}"], "PUBLISH on feed.publish:{y}"),
            (["-publish"], "PUBLISH on feed.publish:{x}"), (["-zrem"], "ZREM on feed.ids:"),
            (["-hset"], "HSET on feed.items:{x}"), (["-mget"], "can't run this command"),
            (["resetkeys", "~{t.0}*", "~feeds", "~feed.swept", "~feed.*{x}"], "INCRBY on feed.publishes:{y}"),
            (["resetkeys", "~{t.0}*", "~feed.*"], "SADD on feeds"),
            (["resetkeys", "~{t.0}:[elq]*", "~feed*"], "RPUSH on {t.0}:dead:a"),
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

    @Test(
        "a commit that compares versions is refused whole when the records or the held events may not be written",
        arguments: [
            (["-set"], "SET on {t.0}:post:"), (["resetkeys", "~{t.0}:[dehlq]*", "~feed*"], "SET on {t.0}:post:"),
            (["resetkeys", "~{t.0}:[delqp]*", "~feed*"], "on {t.0}:held:a"), (["-hdel"], "HDEL on {t.0}:holds:a"),
        ])
    func versions(_ rules: [String], _ right: String) throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["e"])
        try library.redis.ask(words: ["ACL", "SETUSER", "ann"] + rules)
        let words =
            ["tidings_commit", "2", TidingsLibrary.lane, TidingsLibrary.queue, token, "1", "1", "e", "", "60000"]
            + ["change", "{t.0}:held:a", "{t.0}:post:", "60000", "10", "1", "go", "42-c", "7-1-0", "edited", "e"]
            + [
                "publish", "100", "60000", TidingsLibrary.dead, "10", "{t.0}:post:", "1", "42-c", "7-1-0 edited", "e",
                "1", "x", "1", "1",
            ]
        let before = try library.redis.dump()
        let refusal = try call(words)
        #expect(refusal.contains(right), "\(refusal)")
        #expect(try library.redis.dump() == before)
        try library.redis.ask("ACL", "SETUSER", "ann", "~*", "+@all")
        #expect(try call(words) == "OK")
        #expect(try library.redis.ask("GET", "{t.0}:post:42-c").text?.hasPrefix("7-1-0 edited app {x}") == true)
    }

    @Test(
        "a user who has the rights, but not those by which all keys and channels are looked at at once, publishes as well",
        arguments: [
            ["-psubscribe"], ["-psubscribe", "-subscribe"], ["-mset"],
            ["-psubscribe", "-subscribe", "-mset", "resetkeys", "~{t.0}*", "~feeds", "~feed.*"],
        ])
    func singly(_ rules: [String]) throws {
        let token = try library.token(of: "w1")
        let events = (1...3).map { "e\($0)" }
        try library.enqueue(events)
        try library.redis.ask(words: ["ACL", "SETUSER", "ann"] + rules)
        #expect(try commit(events, token: token) == "OK")
        #expect(try library.redis.ask("MGET", "feed.publishes:{x}", "feed.publishes:{y}").line == "[3, 1]")
        #expect(try call(["tidings_publish", "0", "x", "100", "60000", "a"]) == "4")
        #expect(try library.redis.ask("SMEMBERS", "feeds").array?.count == 2)
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
