import Redis
import Store
import TestSupport
import Testing

@Suite("feeds")
struct FeedTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    /// Commits one event to channels: each with the indexes of its events, counted from 1.
    private func feeds(
        _ token: String, serial: Int, _ events: [String], history: Int = 10, _ channels: [(String, [Int])]
    ) throws -> String {
        try library.enqueue(events)
        let named = channels.flatMap { [$0.0, String($0.1.count)] + $0.1.map(String.init) }
        return try library.commit(
            token: token, serial: serial, events,
            ["feeds", String(history), "60000", TidingsLibrary.dead, "10", String(events.count)] + events
                + [String(channels.count)] + named, ["count", "out", String(events.count)])
    }

    private func ids(_ channel: String) throws -> [String] {
        try library.redis.ask("ZRANGE", "feed.ids:{\(channel)}", "0", "-1").array?.compactMap(\.text) ?? []
    }

    @Test("sequence numbers are dense and begin at 1, and the first event writes the configuration")
    func first() throws {
        #expect(try library.call("publish", ["thread:1", "10", "60000", "a", "b"]) == "2")
        #expect(try library.call("publish", ["thread:1", "10", "60000", "c"]) == "3")
        #expect(try ids("thread:1") == ["1", "2", "3"])
        #expect(try library.redis.ask("HMGET", "feed.items:{thread:1}", "1", "2", "3").line == "[a, b, c]")
        #expect(try library.redis.ask("SMEMBERS", "feeds").line == "[{thread:1}]")
        #expect(
            try library.redis.ask("HMGET", "feed.config:{thread:1}", "type", "max_length", "ttl").line
                == "[feed, 10, 60000]")
        let born = try #require(try library.redis.ask("HGET", "feed.config:{thread:1}", "born").integer)
        let time = try #require(try library.redis.ask("TIME").array?.first?.integer)
        #expect((time * 1000 - 60_000...time * 1000 + 60_000).contains(born))
    }

    @Test("a feed keeps as many events as its history says, whatever the size of a batch", arguments: [1, 2, 7, 30])
    func capped(_ batch: Int) throws {
        var sequence = 0
        while sequence < 60 {
            let events = (1...batch).map { "e\(sequence + $0)" }
            sequence += batch
            #expect(try library.call("publish", ["c", "5", "60000"] + events) == "\(sequence)")
            let kept = Array(max(1, sequence - 4)...sequence)
            #expect(try ids("c") == kept.map(String.init))
            #expect(try library.redis.ask("HLEN", "feed.items:{c}").integer == Int64(kept.count))
        }
        #expect(try library.redis.ask("HGET", "feed.items:{c}", "\(sequence)").line == "e\(sequence)")
    }

    @Test("a history that is made shorter is cleared in time, and its new length is stored")
    func shorter() throws {
        try library.call("publish", ["c", "50", "60000"] + (1...50).map { "e\($0)" })
        for sequence in 51...128 { try library.call("publish", ["c", "3", "60000", "e\(sequence)"]) }
        #expect(try ids("c") == ["126", "127", "128"])
        #expect(try library.redis.ask("HLEN", "feed.items:{c}").line == "3")
        #expect(try library.redis.ask("HGET", "feed.config:{c}", "max_length").line == "3")
    }

    @Test("each event is announced as SEQUENCE NUL EVENT, after the feed itself")
    func announced() throws {
        let heard = try Announcements(["newfeed", "conffeed", "feed.publish:{c}"], library: library)
        try library.call("publish", ["c", "10", "60000", "a", "b"])
        try library.call("publish", ["c", "10", "60000", "d\0e"])
        #expect(
            try heard.first(5) == [
                "newfeed {c}|tidings", "conffeed {c}|tidings", "feed.publish:{c} 1|a", "feed.publish:{c} 2|b",
                "feed.publish:{c} 3|d|e",
            ])
    }

    @Test("a long history is cut by a sixteenth at once, and at once where it was made shorter")
    func slack() throws {
        func length(_ history: Int, _ events: Int) throws -> Int64? {
            try library.call("publish", ["c", "\(history)", "60000"] + Array(repeating: "e", count: events))
            return try library.redis.ask("ZCARD", "feed.ids:{c}").integer
        }
        #expect(try length(160, 1) == 1)
        #expect(try length(160, 168) == 169)
        #expect(try length(160, 1) == 160)
        #expect(try library.redis.ask("HGET", "feed.config:{c}", "floor").line == "10")
        #expect(try length(160, 9) == 169)
        #expect(try length(159, 1) == 159)
        #expect(try length(15, 1) == 15)
        #expect(try length(15, 1) == 15)
    }

    @Test("what falls off the history is not announced")
    func cut() throws {
        let heard = try Announcements(["feed.retract:{c}", "feed.publish:{c}"], library: library)
        try library.call("publish", ["c", "2", "60000", "a", "b", "c"])
        try library.call("publish", ["c", "2", "60000", "d"])
        #expect(
            try heard.first(4) == [
                "feed.publish:{c} 1|a", "feed.publish:{c} 2|b", "feed.publish:{c} 3|c", "feed.publish:{c} 4|d",
            ])
        #expect(try library.redis.ask("HKEYS", "feed.items:{c}").line == "[3, 4]")
        try library.redis.ask("PUBLISH", "feed.retract:{c}", "end")
        #expect(try heard.first(5).last == "feed.retract:{c} end")
    }

    /// Publishes an event in two channels, and gives how many messages the server sent out.
    private func messages(_ event: String, on server: RedisServer) throws -> String {
        try server.cli("CONFIG", "RESETSTAT")
        for channel in ["c", "d"] {
            try server.cli("FCALL", "tidings_publish", "0", channel, "10", "60000", event)
        }
        let statistics = try server.cli("INFO", "commandstats")
        return statistics.firstMatch(of: /cmdstat_publish:calls=(\d+)/).map { String($0.1) } ?? "0"
    }

    @Test("a message that nobody listens to is not sent")
    func unheard() throws {
        #expect(try messages("e1", on: library.server) == "0")
        let heard = try Announcements(["feed.publish:{c}"], library: library)
        #expect(try messages("e2", on: library.server) == "1")
        #expect(try heard.first(1) == ["feed.publish:{c} 2|e2"])
        #expect(try library.redis.ask("GET", "feed.publishes:{d}").line == "2")
        // Who listens to a pattern is not known by channel: two channels, each new one announced by two messages more.
        let pattern = try ChildProcess("redis-cli", ["-s", library.server.socket, "PSUBSCRIBE", "feed.publish:*"])
        try eventually(within: 10, "the pattern is subscribed") {
            try library.redis.ask("PUBSUB", "NUMPAT").line == "1"
        }
        #expect(try messages("e3", on: library.server) == "2")
        pattern.kill()
    }

    @Test("all messages are sent while somebody may listen to a replica, and where nobody may ask")
    func heardElsewhere() throws {
        let pair = try ReplicaPair()
        try pair.first.cli(
            ["-x", "FUNCTION", "LOAD", "REPLACE"],
            input: String(decoding: FunctionLibrary.tidings.source, as: UTF8.self))
        try pair.first.cli("FCALL", "tidings_publish", "0", "c", "10", "60000", "e1")
        try pair.copyToSecond()
        // Two channels, and one of them is new.
        #expect(try messages("e2", on: pair.first) == "4")
        try library.redis.ask("ACL", "SETUSER", "default", "-pubsub")
        #expect(try messages("e1", on: library.server) == "6")
    }

    @Test("one commit publishes to several channels, to each in order")
    func channels() throws {
        let token = try library.token(of: "w1")
        #expect(
            try feeds(token, serial: 1, ["a", "b", "c"], [("x", [1, 2, 3]), ("y", [2]), ("z", [1, 3])]) == "[OK]")
        #expect(try feeds(token, serial: 2, ["d"], [("y", [1]), ("x", [1])]) == "[OK]")
        #expect(try library.redis.ask("HVALS", "feed.items:{x}").line == "[a, b, c, d]")
        #expect(try library.redis.ask("HVALS", "feed.items:{y}").line == "[b, d]")
        #expect(try library.redis.ask("HVALS", "feed.items:{z}").line == "[a, c]")
        #expect(try library.counter("emitted") == 8)
        #expect(try library.imbalance() == 0)
    }

    @Test("scores rise with the sequence, also when the server's clock went back")
    func scores() throws {
        let token = try library.token(of: "w1")
        try library.redis.ask("HSET", TidingsLibrary.lane, "clock", "9000000000000.000")
        for serial in 1...3 { #expect(try feeds(token, serial: serial, ["a", "b"], [("x", [1, 2])]) == "[OK]") }
        #expect(try ids("x") == ["1", "2", "3", "4", "5", "6"])
    }

    @Test(
        "a foreign key in the way of a feed loses and doubles nothing, and leaves no half of an event",
        arguments: ["feed.publishes", "feed.ids", "feed.items", "feed.config", "feeds"])
    func foreign(_ name: String) throws {
        let token = try library.token(of: "w1")
        let key = name == "feeds" ? name : "\(name):{x}"
        try library.redis.ask("RPUSH", key, "not ours")
        #expect(try feeds(token, serial: 1, [#"{"n":1}"#, "b"], [("x", [1, 2])]) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == [])
        let letters = try library.list(TidingsLibrary.dead).map(ParsedJSON.init(parsing:))
        // Put back as it is, the event reaches the channel that it has not reached yet, and no other.
        #expect(letters.map { $0["event"] } == [#"{"channels":["x"],"n":1}"#, "b"])
        #expect(letters.allSatisfy { $0["error"]?.string?.contains("WRONGTYPE") == true }, "\(letters)")
        #expect(Set(letters.compactMap { $0["id"]?.string }).count == 2)
        #expect(letters.allSatisfy { $0["time"]?.integer != nil }, "\(letters)")
        #expect(try library.counter("unpublished") == 2)
        #expect(try library.counter("emitted") == 0)
        #expect(try library.imbalance() == 0)
        #expect(try library.list(key) == ["not ours"])

        try library.redis.ask("DEL", key)
        #expect(try feeds(token, serial: 2, ["c"], [("x", [1])]) == "[OK]")
        #expect(try ids("x") == ["1"])
        #expect(try library.redis.ask("HGETALL", "feed.items:{x}").line == "[1, c]")
    }

    @Test("an event that a feed did not take names in its letter the one channel that it still has to reach")
    func addressed() throws {
        let token = try library.token(of: "w1")
        try library.redis.ask("SET", "feed.ids:{x}", "foreign")
        #expect(try feeds(token, serial: 1, [#"{"n":1}"#], [("w", [1]), ("x", [1])]) == "[OK]")
        let letter = try ParsedJSON(parsing: #require(try library.list(TidingsLibrary.dead).first))
        #expect(try ParsedJSON(parsing: letter["event"]?.string ?? "") == ["channels": ["x"], "n": 1])
    }

    @Test("one channel's foreign key is no harm to the others of the commit")
    func foreignAlone() throws {
        let token = try library.token(of: "w1")
        try library.redis.ask("SET", "feed.ids:{x}", "foreign")
        #expect(try feeds(token, serial: 1, ["a"], [("w", [1]), ("x", [1]), ("y", [1])]) == "[OK]")
        #expect(try library.redis.ask("HVALS", "feed.items:{w}").line == "[a]")
        #expect(try library.redis.ask("HVALS", "feed.items:{y}").line == "[a]")
        #expect(try library.counter("unpublished") == 1)
    }

    @Test(
        "a foreign key in the place of a key of the lane refuses the commit before anything is changed",
        arguments: [
            TidingsLibrary.next, TidingsLibrary.nextLane, TidingsLibrary.dead, "{t.0}:seen:new", "{t.0}:held:a",
        ])
    func foreignLaneKey(_ key: String) throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["1", "2", "3"])
        try library.redis.ask("SET", key, "foreign")
        let before = try library.redis.dump()
        let once = [
            "once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "9", "1", "k", "1",
        ]
        #expect(throws: RedisError.self) {
            try library.commit(
                token: token, serial: 1, ["1", "2", "3"], once, ["letter", "dead", TidingsLibrary.dead, "9", "1", "2"],
                ["letter", "held", "{t.0}:held:a", "9", "1", "3"])
        }
        #expect(try library.redis.dump() == before)
    }
}
