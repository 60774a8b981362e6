import Redis
import Store
import TestSupport
import Testing

/// A step of the server's clock is played by moving the times that were written before it the other way.
@Suite("steps of the server's clock")
struct ClockStepTests {
    private let library: TidingsLibrary
    private static let hour: Int64 = 3_600_000

    init() throws {
        library = try TidingsLibrary(partitions: 2)
    }

    private func now() throws -> Int64 {
        let time = try #require(try library.redis.ask("TIME").array?.compactMap { $0.text.flatMap { Int64($0) } })
        return time[0] * 1000 + time[1] / 1000
    }

    private func heard(_ process: String, after: Int64) throws {
        try library.redis.ask("ZADD", "t:procs", String(now() + after), process)
    }

    /// How long ago a process was heard, in seconds.
    private func age(_ process: String) throws -> Int64 {
        let score = try #require(try library.redis.ask("ZSCORE", "t:procs", process).text.flatMap { Int64($0) })
        return try (now() - score + 500) / 1000
    }

    private func left() throws -> Int64 {
        try (#require(library.redis.ask("HGET", TidingsLibrary.lane, "deadline").integer) - now() + 500) / 1000
    }

    private func deadline(after: Int64) throws {
        try library.redis.ask("HSET", TidingsLibrary.lane, "deadline", String(now() + after))
    }

    /// Workers take their share of `a`; gives who has the lane then.
    @discardableResult
    private func balance(_ worker: String, lease: Int = 10_000) throws -> String {
        try library.call("balance", ["t", worker, "a", String(lease), "1"])
        return try library.redis.ask("HGET", TidingsLibrary.lane, "owner").line
    }

    private func beat(_ worker: String) throws -> String {
        try library.call("beat", ["t", worker, "worker", "incoming,a,b", "60000", "lease", "10000"])
    }

    @Test("after a step back a dead worker's lane is free when its lease is over, not when the clock has caught up")
    func back() throws {
        _ = try beat("w1")
        _ = try library.claim("w1", lease: 10_000)
        // It was heard 8 s before the other one, when the clock stepped.
        try heard("w1", after: Self.hour - 8000)
        try heard("w2", after: Self.hour)
        try deadline(after: Self.hour + 2000)
        #expect(try beat("w2") == "[w1, w2]")
        #expect(try age("w1") == 8 && age("w2") == 0)
        #expect(try (9...10).contains(left()), "one lease at least, since its owner may have renewed it")
        #expect(try balance("w2") == "w1")
        try heard("w1", after: -10_100)
        try library.expire()
        #expect(try balance("w2") == "w2")
    }

    @Test("after a step back the claim of a worker that was buried before it arrived holds no lane")
    func buried() throws {
        _ = try beat("w2")
        _ = try library.claim("w1", lease: 10_000)
        #expect(try balance("w2") == "w1", "until then the lease counts")
        try deadline(after: Self.hour + 10_000)
        #expect(try balance("w2") == "w2")
    }

    @Test("after a step back a dead process is not shown for longer than it would have been")
    func shown() throws {
        _ = try beat("w1")
        try heard("w1", after: Self.hour)
        try library.redis.ask("PEXPIRE", "t:proc:w1", String(60_000 + Self.hour))
        _ = try beat("w2")
        #expect(try (50_000...70_000).contains(#require(library.redis.ask("PTTL", "t:proc:w1").integer)))
    }

    @Test("after a step back a lease that is longer for a slow event stays as long")
    func backSlow() throws {
        _ = try beat("w1")
        _ = try library.claim("w1", lease: 10_000)
        try heard("w1", after: Self.hour)
        try deadline(after: Self.hour + 160_000)
        _ = try beat("w2")
        #expect(try (158...160).contains(left()))
    }

    @Test("after a step back a process that lives keeps its lanes, whoever notices the step", arguments: [true, false])
    func backAlive(isBalance: Bool) throws {
        _ = try beat("w1")
        _ = try beat("w2")
        #expect(try balance("w1") == "w1")
        try heard("w1", after: Self.hour - 3000)
        try heard("w2", after: Self.hour)
        try deadline(after: 0)
        if isBalance { #expect(try balance("w2") == "w1") }
        _ = try beat("w2")
        #expect(try age("w1") == 3)
        #expect(try balance("w2") == "w1")
    }

    @Test("after a step back of an hour a worker that died long before it is dead")
    func backDead() throws {
        _ = try beat("w1")
        _ = try library.claim("w1", lease: 10_000)
        try heard("w1", after: Self.hour - 100_000)
        try heard("w2", after: Self.hour)
        try deadline(after: -1)
        #expect(try beat("w2") == "[w2]")
        #expect(try balance("w2") == "w2")
    }

    @Test("a heartbeat a little in the future, or infinitely far, harms nobody")
    func oddities() throws {
        try heard("w1", after: 500)
        _ = try beat("w2")
        #expect(try age("w1") <= 0)
        try library.redis.ask("ZADD", "t:procs", "+inf", "w1")
        #expect(try beat("w2").hasPrefix("["))
        #expect(try age("w1") == 0)
    }

    @Test("a deadline that no claim can have written holds no lane whose owner is not heard")
    func impossible() throws {
        _ = try library.claim("w1")
        try deadline(after: 24 * Self.hour)
        #expect(try library.claim("w2").hasPrefix("[OK, "))
        _ = try beat("w2")
        try deadline(after: 24 * Self.hour)
        #expect(try library.claim("w3").hasPrefix("[TAKEN, w2, "))
    }

    @Test("a deadline beyond any doubled lease holds no lane whose owner is listed, and silent")
    func ahead() throws {
        _ = try beat("w1")
        _ = try library.claim("w1", lease: 10_000)
        try heard("w1", after: -20_000)
        try deadline(after: 150_000)
        #expect(try library.claim("w2", lease: 10_000).hasPrefix("[TAKEN, w1, "))
        // As the clock wrote it that was wrong for so short a time that no heartbeat tells of it.
        try deadline(after: Self.hour)
        #expect(try library.claim("w2", lease: 10_000).hasPrefix("[OK, "))
    }

    @Test("after a step forward a process that lives keeps its lanes, and one that was dead does not")
    func forward() throws {
        for worker in ["w1", "w2", "w3"] { _ = try beat(worker) }
        _ = try library.claim("w1", lease: 10_000)
        _ = try library.claim("w3", lane: "{t.1}:lane:a", queue: "{t.1}:queue:a")
        try heard("w1", after: -Self.hour - 2000)
        try heard("w2", after: -Self.hour)
        try heard("w3", after: -Self.hour - 20_000)
        try deadline(after: 10_000 - Self.hour)
        try library.expire("{t.1}:lane:a")
        #expect(try balance("w2") == "w1")
        #expect(try library.redis.ask("HGET", "{t.1}:lane:a", "owner").line == "w2")
        #expect(try beat("w2") == "[w1, w2]")
    }

    @Test("a silence is no step for one who comes anew, or who was silent alone")
    func silence() throws {
        _ = try beat("w1")
        try heard("w1", after: -20_000)
        #expect(try beat("w2") == "[w2]")
        try heard("w3", after: -30_000)
        #expect(try !beat("w1").contains("w3"))
        #expect(try age("w3") == 30)
    }

    @Test("processes that died before a step back do not keep the partitions from being changed for ever")
    func hello() throws {
        _ = try beat("w1")
        try heard("w1", after: Self.hour)
        #expect(try library.hello(partitions: 1).hasPrefix("[DIFFERS, partitions, 2, 1, 1 processes"))
        #expect(try age("w1") == 0)
        try heard("w1", after: -16_000)
        #expect(try library.hello(partitions: 1).hasPrefix("[OK, "))
    }

    @Test("a heartbeat stays in the future for those who may write the lanes, when the one who notices may not")
    func rights() throws {
        _ = try beat("w1")
        _ = try library.claim("w1", lease: 10_000)
        try heard("w1", after: Self.hour)
        try library.redis.ask("ACL", "SETUSER", "default", "resetkeys", "~t:*", "%R~*")
        #expect(try library.call("beat", ["t", "e1", "edge", "", "60000"]).contains("w1"))
        try library.redis.ask("ACL", "SETUSER", "default", "~*")
        #expect(try age("w1") < -3500)
        _ = try beat("w2")
        #expect(try age("w1") == 0)
    }
}
