import Redis
import TestSupport
import Testing

@Suite("commits")
struct CommitTests {
    private let library: TidingsLibrary
    private let token: String

    init() throws {
        library = try TidingsLibrary()
        token = try library.token(of: "w1")
    }

    @Test("a commit takes exactly its batch and hands on its outputs in order")
    func order() throws {
        try library.enqueue(["1", "2", "3", "4", "5"])
        #expect(
            try library.commit(token: token, serial: 1, ["1", "2", "3"], TidingsLibrary.push(["1", "2", "3"])) == "[OK]"
        )
        #expect(try library.list(TidingsLibrary.queue) == ["4", "5"])
        #expect(try library.commit(token: token, serial: 2, ["4"], TidingsLibrary.push(["4"])) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["5"])
        #expect(try library.list(TidingsLibrary.next) == ["1", "2", "3", "4"])
        #expect(try library.counter("in", of: TidingsLibrary.nextLane) == 4)
    }

    @Test("with `timed` the answer says how long the server has worked, and a repeated commit did not")
    func timed() throws {
        func microseconds(_ serial: Int, _ events: [String]) throws -> Int? {
            let answer = try library.commit(
                token: token, serial: serial, events, ["timed"], TidingsLibrary.push(events))
            return answer.firstMatch(of: /^\[OK, 0, (\d+)\]$/).flatMap { Int($0.1) }
        }
        let many = (0..<5000).map { "event-\($0)" }
        try library.enqueue(["1"] + many)
        let one = try #require(try microseconds(1, ["1"]))
        let all = try #require(try microseconds(2, many))
        #expect(one > 0 && all > one)
        #expect(try library.commit(token: token, serial: 2, many, ["timed"], TidingsLibrary.push(many)) == "[OK]")
    }

    @Test("events are bytes: NUL, line ends and broken UTF-8 pass as they are")
    func binary() throws {
        let event: [UInt8] = [0, 13, 10, 0xff, 0xc3, 0x28, 0, 36]
        var enqueue = RedisCommand(
            "FCALL", "tidings_enqueue", "2", TidingsLibrary.queue, TidingsLibrary.lane, "0", "1")
        enqueue.append(event)
        try library.redis.ask(enqueue)
        var commit = RedisCommand(
            "FCALL", "tidings_commit", "2", TidingsLibrary.lane, TidingsLibrary.queue, token, "1", "1")
        commit.append(event)
        for word in ["", "1000", "push", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "1"] { commit.append(word) }
        commit.append(event)
        #expect(try library.redis.ask(commit).line == "[OK]")
        #expect(try library.redis.ask("LINDEX", TidingsLibrary.next, "0").bytes == event)
    }

    @Test("batches beyond what Lua can put on its stack go through in one piece")
    func large() throws {
        let events = (0..<20_000).map { "event-\($0)" }
        try library.enqueue(events)
        #expect(try library.commit(token: token, serial: 1, events, TidingsLibrary.push(events)) == "[OK]")
        #expect(try library.list(TidingsLibrary.next) == events)
        #expect(try library.imbalance() == 0)
        #expect(try library.imbalance(stage: "b") == 0)
    }

    @Test("whatever becomes of events, in = out + dropped + dead + held + waiting")
    func balance() throws {
        let events = (0..<8).map(String.init)
        try library.enqueue(events)
        let once = [
            "once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "1000", "2", "k", "2",
            "k",
            "3",
        ]
        #expect(
            try library.commit(
                token: token, serial: 1, Array(events[..<6]), TidingsLibrary.push(["0", "1"]), once,
                ["letter", "dead", TidingsLibrary.dead, "10", "1", "letter 4"],
                ["letter", "held", "{t.0}:held:a", "10", "1", "letter 5"]) == "[OK]")
        #expect(try library.imbalance() == 0)
        #expect(
            try ["in", "out", "dropped", "dropped:duplicate", "dead", "held", "emitted"].map { try library.counter($0) }
                == [8, 3, 1, 1, 1, 1, 3])
        #expect(try library.list(TidingsLibrary.queue) == ["6", "7"])
        #expect(try library.imbalance(stage: "b") == 0)
    }

    @Test("the same commit again is answered as before and changes nothing")
    func again() throws {
        try library.enqueue(["1", "2", "1"])
        let operations = [
            TidingsLibrary.push(["1"]),
            [
                "once", TidingsLibrary.next, TidingsLibrary.nextLane, "0", "{t.0}:seen", "60000", "1000", "1", "key",
                "2",
            ],
            ["feeds", "10", "60000", TidingsLibrary.dead, "10", "1", "e", "1", "thread:1", "1", "1"],
            ["letter", "dead", TidingsLibrary.dead, "10", "1", "letter"],
        ].flatMap { $0 }
        #expect(try library.commit(token: token, serial: 1, ["1", "2"], operations) == "[OK]")
        let before = try library.redis.dump()
        for _ in 0..<3 {
            #expect(try library.commit(token: token, serial: 1, ["1", "2"], operations) == "[OK]")
        }
        #expect(try library.redis.dump() == before)
    }

    @Test("a commit that comes late, after its successor, changes nothing, even if the queue looks as it expects")
    func late() throws {
        try library.enqueue(["x", "x", "x"])
        #expect(try library.commit(token: token, serial: 9, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.commit(token: token, serial: 10, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.commit(token: token, serial: 9, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["x"])
        #expect(try library.list(TidingsLibrary.next) == ["x", "x"])
    }

    @Test("a new owner counts its commits from the beginning")
    func newOwner() throws {
        try library.enqueue(["1", "2"])
        #expect(try library.commit(token: token, serial: 7, ["1"], TidingsLibrary.push(["1"])) == "[OK]")
        try library.expire()
        let token = try library.token(of: "w2")
        #expect(try library.commit(token: token, serial: 1, ["2"], TidingsLibrary.push(["2"])) == "[OK]")
        #expect(try library.list(TidingsLibrary.next) == ["1", "2"])
    }

    @Test(
        "a queue whose head was changed by hand is left alone",
        arguments: [["LPUSH", "new"], ["LPOP"], ["LREM", "0", "2"], ["LTRIM", "1", "0"]])
    func moved(_ change: [String]) throws {
        try library.enqueue(["1", "2", "3"])
        try library.redis.ask(words: [change[0], TidingsLibrary.queue] + change.dropFirst())
        let before = try library.redis.dump()
        #expect(
            try library.commit(token: token, serial: 1, ["1", "2"], TidingsLibrary.push(["1", "2"])) == "[MOVED]")
        #expect(try library.redis.dump() == before)
    }

    @Test("a full next queue stops the commit before anything is changed")
    func full() throws {
        try library.redis.ask("RPUSH", TidingsLibrary.next, "p", "q", "r")
        try library.enqueue(["1", "2"])
        let before = try library.redis.dump()
        let push = TidingsLibrary.push(["1"], limit: 3)
        #expect(
            try library.commit(token: token, serial: 1, ["1"], ["count", "dropped", "1"], push)
                == "[FULL, \(TidingsLibrary.next), 3]")
        #expect(try library.redis.dump() == before)
        try library.redis.ask("LPOP", TidingsLibrary.next)
        #expect(try library.commit(token: token, serial: 1, ["1"], push) == "[OK]")
    }

    @Test("dead letters are capped, the oldest fall off, are counted and told")
    func capped() throws {
        let events = (0..<5).map(String.init)
        try library.enqueue(events)
        for (serial, event) in events.enumerated() {
            #expect(
                try library.commit(
                    token: token, serial: serial + 1, [event],
                    ["letter", "dead", TidingsLibrary.dead, "3", "1", "letter \(event)"])
                    == (serial < 3 ? "[OK]" : "[OK, 1]"))
        }
        #expect(try library.list(TidingsLibrary.dead) == ["letter 2", "letter 3", "letter 4"])
        #expect(try library.counter("dead") == 5)
        #expect(try library.counter("dead:forgotten") == 2)
        #expect(try library.imbalance() == 0)
    }

    @Test("events are put into several queues, all of them or none")
    func enqueue() throws {
        let keys = [TidingsLibrary.queue, TidingsLibrary.lane, TidingsLibrary.next, TidingsLibrary.nextLane]
        #expect(try library.call("enqueue", keys: keys, ["2", "2", "1", "2", "1", "3"]) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["1", "2"])
        #expect(try library.list(TidingsLibrary.next) == ["3"])
        let before = try library.redis.dump()
        #expect(
            try library.call("enqueue", keys: Array(keys[2...] + keys[..<2]), ["2", "1", "4", "1", "5"])
                == "[FULL, \(TidingsLibrary.queue), 2]")
        #expect(try library.redis.dump() == before)
        try library.redis.ask("DEL", TidingsLibrary.next)
        try library.redis.ask("SET", TidingsLibrary.next, "foreign")
        let blocked = try library.redis.dump()
        #expect(throws: RedisError.self) { try library.call("enqueue", keys: keys, ["0", "1", "4", "1", "5"]) }
        #expect(try library.redis.dump() == blocked)
    }
}
