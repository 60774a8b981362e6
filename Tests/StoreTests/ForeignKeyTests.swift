import Redis
import TestSupport
import Testing

/// Somebody wrote something else into a key of ours. Redis does not roll back: no event may hang half-way.
@Suite("keys that hold what they should not")
struct ForeignKeyTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    @Test(
        "a commit that would fail half-way fails before it has done anything", arguments: ["new", "old"])
    func seen(part: String) throws {
        let token = try library.token(of: "w")
        try library.enqueue(["1"])
        try library.redis.ask("SET", "{t.0}:seen:\(part)", "foreign")
        let operation = [
            "once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "100", "1", "key", "1",
        ]
        #expect(throws: (any Error).self) { try library.commit(token: token, serial: 1, ["1"], operation) }
        #expect(try library.list(TidingsLibrary.queue) == ["1"])
        try library.redis.ask("DEL", "{t.0}:seen:\(part)")
        #expect(try library.commit(token: token, serial: 1, ["1"], operation) == "[OK]")
        #expect(try library.list(TidingsLibrary.next) == ["1"])
    }

    @Test("events are published though the feed's configuration is a foreign key")
    func configuration() throws {
        let token = try library.token(of: "w")
        func publish(_ serial: Int) throws {
            try library.enqueue(["\(serial)"])
            #expect(
                try library.commit(
                    token: token, serial: serial, ["\(serial)"],
                    ["feeds", "2", "60000", TidingsLibrary.dead, "10", "1", "\(serial)", "1", "c", "1", "1"]) == "[OK]")
        }
        try publish(1)
        try library.redis.ask("DEL", "feed.config:{c}")
        try library.redis.ask("SET", "feed.config:{c}", "foreign")
        for serial in 2...70 { try publish(serial) }
        #expect(try library.redis.ask("GET", "feed.publishes:{c}").text == "70")
        #expect(try library.redis.ask("ZRANGE", "feed.ids:{c}", "0", "-1").line == "[69, 70]")
    }

    @Test("a counter that is no number begins anew")
    func counter() throws {
        let token = try library.token(of: "w")
        try library.redis.ask("HSET", TidingsLibrary.nextLane, "in", "many")
        try library.enqueue(["1", "2"])
        #expect(try library.commit(token: token, serial: 1, ["1", "2"], TidingsLibrary.push(["1", "2"])) == "[OK]")
        #expect(try library.counter("in", of: TidingsLibrary.nextLane) == 2)
    }

    @Test("a letter stays when the queue that it should go to is a foreign key")
    func letter() throws {
        try library.redis.ask("RPUSH", TidingsLibrary.dead, "letter")
        try library.redis.ask("SET", TidingsLibrary.queue, "foreign")
        let keys = [TidingsLibrary.dead, TidingsLibrary.queue, TidingsLibrary.lane]
        #expect(throws: (any Error).self) { try library.call("letters", keys: keys, ["letter", "event"]) }
        #expect(try library.list(TidingsLibrary.dead) == ["letter"])
    }

    @Test("nothing is enqueued when the lane is a foreign key: who sends it again doubles nothing")
    func enqueue() throws {
        try library.redis.ask("SET", TidingsLibrary.lane, "foreign")
        let keys = [TidingsLibrary.queue, TidingsLibrary.lane]
        #expect(throws: (any Error).self) { try library.call("enqueue", keys: keys, ["0", "1", "event"]) }
        #expect(try library.list(TidingsLibrary.queue) == [])
    }
}
