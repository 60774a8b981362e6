import Redis
import Store
import TestSupport
import Testing

@Suite("leases and fencing tokens")
struct LeaseTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    @Test("a lane is claimed once while its lease lives")
    func taken() throws {
        #expect(try library.claim("w1").hasPrefix("[OK, "))
        #expect(try library.claim("w2").hasPrefix("[TAKEN, w1, "))
        #expect(try library.claim("w1").hasPrefix("[TAKEN, w1, "))
    }

    @Test("a token is larger than any before, also when the server's clock went back")
    func tokens() throws {
        var tokens: [Int64] = []
        for owner in ["w1", "w2", "w3"] {
            tokens.append(try #require(Int64(library.token(of: owner))))
            try library.expire()
        }
        try library.redis.ask("HSET", TidingsLibrary.lane, "token", "8000000000000000")
        tokens.append(try #require(Int64(library.token(of: "w4"))))
        #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 }, "\(tokens)")
        #expect(tokens.last == 8_000_000_000_000_001)
    }

    @Test("the old token is fenced everywhere once another worker has the lane")
    func fenced() throws {
        let old = try library.token(of: "w1")
        try library.enqueue(["x"])
        try library.expire()
        let new = try library.token(of: "w2")
        // The old owner is heard of, so it was not lost with its batch.
        #expect(try library.attempt(old, back: true) == "[FENCED]")
        let before = try library.redis.dump()
        #expect(try library.commit(token: old, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[FENCED]")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [old, "t"]) == "[FENCED]")
        #expect(try library.attempt(old) == "[FENCED]")
        #expect(try library.redis.dump() == before)
        #expect(try library.commit(token: new, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
    }

    @Test("a lease that is over still commits as long as nobody else has taken the lane")
    func overdue() throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["x"])
        try library.expire()
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.claim("w2").hasPrefix("[TAKEN, w1, "), "a commit renews the lease")
    }

    @Test("a heartbeat keeps the lease of an idle lane, and its end gives the lane free")
    func heartbeat() throws {
        try library.beat("w1")
        _ = try library.token(of: "w1")
        try library.expire()
        #expect(try library.claim("w2").hasPrefix("[TAKEN, w1, "))
        try library.redis.ask("ZADD", "t:procs", "1", "w1")
        #expect(try library.claim("w2").hasPrefix("[OK, "))
    }

    @Test(
        "the age of a heartbeat is never negative, also after the server's clock went back; unlisted is another answer")
    func ages() throws {
        try library.beat("w1")
        let future = try #require(try library.redis.ask("ZSCORE", "t:procs", "w1").text.flatMap(Int64.init)) + 3_600_000
        try library.redis.ask("ZADD", "t:procs", String(future), "w1")
        #expect(try library.call(.heard(pipeline: "t", ["w1", "w2"])) == [0, nil])
    }

    @Test("a released lane is free at once, and its next owner need not suspect it")
    func released() throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["x"])
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
        #expect(try library.claim("w2").hasSuffix(", 0, 0]"))
        #expect(try library.counter("attempts") == 0)
    }

    @Test("who gives a lane back without having come past the head leaves the care to the next owner")
    func releasedUntouched() throws {
        try library.enqueue(["x", "y"])
        var token = try library.token(of: "w1")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        try library.call("bury", ["t", "w1"])
        token = try library.token(of: "w2")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
        token = try library.token(of: "w3")
        #expect(try library.attempt(token) == "[OK, 2, 0, 1]")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
        #expect(try library.claim("w4").hasSuffix(", 1, 1]"), "its own attempt has come back")
        token = try library.redis.ask("HGET", TidingsLibrary.lane, "token").line
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
        #expect(try library.claim("w5").hasSuffix(", 0, 0]"))
    }

    @Test("who gives a lane back that is still suspect says so, and it is to the next owner as well")
    func releasedSuspect() throws {
        try library.enqueue(["x", "y"])
        _ = try library.token(of: "w1")
        try library.call("bury", ["t", "w1"])
        let token = try library.token(of: "w2")
        #expect(try library.commit(token: token, serial: 1, ["x"], TidingsLibrary.push(["x"])) == "[OK]")
        #expect(try library.attempt(token) == "[OK, 1, 0, 1]", "one died over its batch")
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t", "1"]) == "[OK]")
        #expect(try library.claim("w3").hasSuffix(", 1, 0]"), "its own attempt has come back")
    }

    @Test("who takes a lane over the head of which its owner may have died is told so")
    func suspect() throws {
        _ = try library.token(of: "w1")
        try library.expire()
        #expect(try library.claim("w2").hasSuffix(", 0, 0]"), "nothing waits, so nobody died over it")
        try library.enqueue(["x"])
        try library.expire()
        #expect(try library.claim("w3").hasSuffix(", 1, 0]"))
        try library.call("bury", ["t", "w3"])
        let token = try library.token(of: "w4")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]", "w3 had tried nothing")
        try library.call("bury", ["t", "w4"])
        #expect(try library.claim("w5").hasSuffix(", 1, 1]"))
    }

    @Test("burying a worker frees its lanes and nobody else's, and forgets the process")
    func bury() throws {
        let wide = try TidingsLibrary(partitions: 2)
        try wide.beat("w1")
        try wide.beat("w2")
        _ = try wide.claim("w1", lane: "{t.0}:lane:a", queue: "{t.0}:queue:a")
        _ = try wide.claim("w2", lane: "{t.0}:lane:b", queue: "{t.0}:queue:b")
        _ = try wide.claim("w1", lane: "{t.1}:lane:incoming", queue: "{t.1}:incoming")
        _ = try wide.claim("w1", lane: "t:lane:incoming", queue: "t:incoming")
        #expect(try wide.call("bury", ["t", "w1", "stranger"]) == "3")
        #expect(try wide.redis.ask("HGET", "{t.0}:lane:a", "owner").line == "")
        #expect(try wide.redis.ask("HGET", "{t.0}:lane:b", "owner").line == "w2")
        #expect(try wide.redis.ask("ZRANGE", "t:procs", "0", "-1").line == "[w2]")
        #expect(try wide.redis.ask("EXISTS", "t:proc:w1", "t:proc:w2").line == "1")
        #expect(try wide.claim("w2").hasPrefix("[OK, "))
        #expect(try wide.call("bury", ["t", "w1"]) == "0")
    }

    @Test("burying in a pipeline that does not exist frees nothing")
    func buryNowhere() throws {
        #expect(try library.call("bury", ["nowhere", "w1"]) == "0")
    }
}
