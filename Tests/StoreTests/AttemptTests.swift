import Redis
import Store
import TestSupport
import Testing

/// What is counted of the workers that tried the event at a lane's head. An answer is: attempts, losses, deaths.
@Suite("attempts of the head event")
struct AttemptTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
        try library.enqueue(["x", "y"])
    }

    private func deaths() throws -> Int64 { try library.counter("deaths") }
    private func attempts() throws -> Int64 { try library.counter("attempts") }

    @Test("attempts are counted over owners, and a commit sets them back")
    func attemptsOfOwners() throws {
        for count in 1...3 {
            let token = try library.token(of: "w\(count)")
            #expect(try library.attempt(token) == "[OK, \(count), \(count - 1), 0]")
            try library.expire()
        }
        let token = try library.token(of: "w4")
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
    }

    @Test("a worker that was seen to die over the event is a death, one that only lost its lane is none")
    func deathAndLoss() throws {
        try library.lose("w1")
        _ = try library.attempt(library.token(of: "w2"))
        try library.call("bury", ["t", "w2"])
        #expect(try attempts() == 2 && deaths() == 1)
        #expect(try library.attempt(library.token(of: "w3")) == "[OK, 3, 1, 1]")
    }

    @Test("a death that is seen after another worker took the lane is a death all the same, once")
    func lateBurial() throws {
        try library.lose("w1")
        let token = try library.token(of: "w2")
        #expect(try library.attempt(token) == "[OK, 2, 1, 0]")
        for _ in 0..<2 { #expect(try library.call("bury", ["t", "w1"]) == "0") }
        #expect(try library.attempt(token) == "[OK, 2, 0, 1]")
    }

    @Test(
        "how a process ended decides what its attempt was",
        arguments: [
            (["died"], "[OK, 2, 0, 1]"), (["left"], "[OK, 1, 0, 0]"), (["unknown"], "[OK, 2, 1, 0]"),
            // As processes of the version before say it.
            ([], "[OK, 2, 1, 0]"),
        ])
    func ending(_ how: [String], _ expected: String) throws {
        _ = try library.attempt(library.token(of: "w1"))
        #expect(try library.call("leave", ["t", "w1"] + how) == "1")
        #expect(try library.attempt(library.token(of: "w2")) == expected)
    }

    @Test(
        "a batch is no attempt: only a worker that was seen to die with it counts, and over every event of it",
        arguments: [
            ("died", 1), ("left", 0), ("unknown", 0),
        ])
    func batch(_ how: String, _ expected: Int) throws {
        _ = try library.token(of: "w1")
        #expect(try library.call("leave", ["t", "w1", how]) == "1")
        let token = try library.token(of: "w2")
        #expect(try library.attempt(token) == "[OK, 1, 0, \(expected)]")
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.attempt(token) == "[OK, 1, 0, \(expected)]")
        #expect(try library.counter("deaths") == 0, "over a batch, so over nothing yet")
    }

    @Test("a batch whose worker was lost is a death as soon as that is seen, and none any more when the worker is back")
    func lateBatch() throws {
        let old = try library.token(of: "w1")
        try library.expire()
        let token = try library.token(of: "w2")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        try library.call("bury", ["t", "w1"])
        #expect(try library.attempt(token) == "[OK, 1, 0, 1]")
        #expect(try library.attempt(old, back: true) == "[FENCED]")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
    }

    @Test("a worker that ends in order leaves nothing behind of a crash before it, once it has come past those events")
    func oldCrash() throws {
        _ = try library.token(of: "w1")
        try library.call("bury", ["t", "w1"])
        let token = try library.token(of: "w2")
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        try library.call("leave", ["t", "w2", "left"])
        #expect(try library.attempt(library.token(of: "w3")) == "[OK, 1, 0, 0]")
    }

    @Test("a worker that died before it tried anything of a suspect lane has died over nothing of it")
    func untried() throws {
        _ = try library.token(of: "w1")
        try library.call("leave", ["t", "w1", "unknown"])
        _ = try library.token(of: "w2")
        try library.call("bury", ["t", "w2"])
        #expect(try library.attempt(library.token(of: "w3")) == "[OK, 1, 0, 0]")
    }

    @Test("the same attempt again, after a lost reply, counts once")
    func again() throws {
        let token = try library.token(of: "w1")
        for _ in 0..<3 { #expect(try library.attempt(token) == "[OK, 1, 0, 0]") }
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]", "of the next head")
    }

    @Test("an attempt that came back is not counted any more")
    func back() throws {
        try library.lose("w1")
        let token = try library.token(of: "w2")
        #expect(try library.attempt(token) == "[OK, 2, 1, 0]")
        for _ in 0..<2 { #expect(try library.attempt(token, back: true) == "[OK, 1, 1, 0]") }
        #expect(try library.attempt(token) == "[OK, 2, 1, 0]")
    }

    @Test(
        "a worker that comes back and is fenced takes its own count back, once, whatever it calls",
        arguments: ["back", "attempt", "release"])
    func fencedBack(_ call: String) throws {
        let old = try library.lose("w1")
        try library.lose("w2")
        let token = try library.token(of: "w3")
        #expect(try library.attempt(token) == "[OK, 3, 2, 0]")
        for _ in 0..<3 {
            let answer =
                try call == "release"
                ? library.call("release", keys: [TidingsLibrary.lane], [old, "t"])
                : library.attempt(old, back: call == "back")
            #expect(answer == "[FENCED]")
            #expect(try library.attempt(token) == "[OK, 2, 1, 0]")
        }
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        let before = try library.redis.dump()
        #expect(try library.attempt(old, back: true) == "[FENCED]")
        #expect(try library.redis.dump() == before, "another event is at the head")
    }

    @Test("a worker that was buried by mistake and comes back was no death")
    func buriedAlive() throws {
        let token = try library.token(of: "w1")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        try library.call("bury", ["t", "w1"])
        #expect(try deaths() == 1)
        #expect(try library.attempt(token) == "[FENCED]", "its lane was taken from it")
        #expect(try attempts() == 0 && deaths() == 0)
        #expect(try library.attempt(library.token(of: "w2")) == "[OK, 1, 0, 0]")
    }

    @Test(
        "a worker that is heard of again is no loss when the lane is taken next, whoever takes it",
        arguments: ["w1", "w3"])
    func heardAgain(_ taker: String) throws {
        for owner in ["w1", "w2"] { try library.lose(owner) }
        if taker != "w1" { try library.beat("w1") }
        #expect(try library.attempt(library.token(of: taker)) == "[OK, 2, 1, 0]")
    }

    @Test("a worker of the same name that starts anew says that the one before died: its taking the lane heals nothing")
    func sameName() throws {
        for count in 1...2 {
            #expect(try library.attempt(library.token(of: "w1")) == "[OK, \(count), 0, \(count - 1)]")
            try library.call("leave", ["t", "w1", "died"])
            try library.beat("w1")
        }
        #expect(try library.attempt(library.token(of: "w1")) == "[OK, 3, 0, 2]")
    }

    @Test("a worker that was heard of after it had lost the lane, and dies later, has not died over that event")
    func laterDeath() throws {
        _ = try library.token(of: "w0")
        try library.expire()
        try library.lose("w1")
        let token = try library.token(of: "w2")
        #expect(try library.attempt(token) == "[OK, 2, 1, 0]")
        // Heartbeats have the time in whole milliseconds.
        try library.redis.ask("DEBUG", "SLEEP", "0.01")
        for owner in ["w0", "w1"] { try library.beat(owner) }
        try library.call("bury", ["t", "w0", "w1"])
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
    }

    @Test("each worker that came back too late doubles the lease of the next attempt, up to 16 times")
    func longerLeases() throws {
        for round in 0..<7 {
            let token = try library.token(of: "w\(round % 2)")
            let time = try #require(library.redis.ask("TIME").array?.first?.text.flatMap(Int64.init)) * 1000
            let lease = try library.counter("deadline") - time
            // The time is that of a whole second.
            let expected = Int64(60_000) << min(4, round)
            #expect((expected - 1000...expected + 2000).contains(lease), "\(round): \(lease)")
            #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
            try library.expire()
            // The other one takes it, and this one comes back then.
            _ = try library.token(of: "w\((round + 1) % 2)")
            #expect(try library.attempt(token, back: true) == "[FENCED]")
            try library.expire()
        }
    }

    @Test("what was counted over a head that is gone does not count for another event")
    func goneHead() throws {
        for owner in ["w1", "w2"] { try library.lose(owner) }
        let token = try library.token(of: "w3")
        try library.redis.ask("LPOP", TidingsLibrary.queue)
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[MOVED]")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        try library.call("bury", ["t", "w3"])
        try library.call("purge", keys: [TidingsLibrary.queue, TidingsLibrary.lane], [])
        #expect(try attempts() == 0 && deaths() == 0)
        try library.enqueue(["z"])
        try library.lose("w4")
        try library.redis.ask("DEL", TidingsLibrary.queue)
        #expect(try library.claim("w5").hasSuffix(", 0, 0]"))
        #expect(try attempts() == 0, "nothing waits")
    }

    @Test("who finds the next queue full has outlived its attempt")
    func full() throws {
        try library.redis.ask("RPUSH", TidingsLibrary.next, "1")
        let token = try library.token(of: "w1")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        let answer = try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"], limit: 1))
        #expect(answer == "[FULL, \(TidingsLibrary.next), 1]")
        #expect(try attempts() == 0)
    }

    @Test(
        "fields that hold something else, also those of an older library, count from nothing",
        arguments: ["x", "1795471274686744", "[", "[1,2]", #"[["a","b"]]"#, #"{"a":1}"#, #"[["a",1,0]]"#, "null"])
    func hostileFields(_ text: String) throws {
        try library.redis.ask(
            "HSET", TidingsLibrary.lane, "dirty", "1", "attempts", "many", "deaths", "x", "tried", text, "crash", text)
        #expect(try library.claim("w1").hasSuffix(", 1, 0]"))
        let token = try library.redis.ask("HGET", TidingsLibrary.lane, "token").line
        try library.redis.ask("HSET", TidingsLibrary.lane, "tried", text, "crash", text)
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        #expect(try library.attempt(token, back: true) == "[OK, 0, 0, 0]")
        try library.redis.ask("HSET", TidingsLibrary.lane, "tried", text, "crash", text)
        #expect(try library.call("bury", ["t", "w1"]) == "1")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
    }

    @Test("the list of attempts stays bounded, and the counts say what it holds")
    func bounded() throws {
        for owner in 0..<300 { try library.lose("w\(owner)") }
        #expect(try attempts() == 256)
        #expect(try library.redis.ask("HSTRLEN", TidingsLibrary.lane, "tried").integer ?? 0 < 10_000)
    }
}
