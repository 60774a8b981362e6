import Glibc
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// What a worker does when what it found at its start is not true any more, on connections that are never cut.
@Suite("a worker whose Redis changes under it")
struct RenewalTests {
    private func pool(_ partitions: Int = 2) throws -> WorkerPool {
        try WorkerPool(partitions: partitions, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
    }

    @Test(
        "after FLUSHALL it takes its lanes anew and events flow, within a heartbeat or two", arguments: [true, false])
    func flushed(pushesAtOnce: Bool) throws {
        let pool = try pool()
        try pool.startAlone()
        try pool.push(0..<3)
        try pool.published(3)
        let epoch = try #require(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer)
        try pool.redis.ask("FLUSHALL")
        if pushesAtOnce { try pool.push(0..<3) }
        try pool.owned(by: "w1", pool.layout.lanes.count)
        if !pushesAtOnce { try pool.push(0..<3) }
        try pool.published(3, within: 5)
        #expect(try pool.published() == [0, 1, 2])
        #expect(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer ?? 0 > epoch)
        #expect(try pool.redis.ask("HGET", "t:config", "partitions").line == "2")
        try pool.expectBalance()
    }

    @Test("after FLUSHALL, or when NAME:config is gone, the lanes of a worker that was seen to die are free at once")
    func killedAfterwards() throws {
        let pool = try pool()
        pool.limits.lease = 60_000
        try pool.startAlone()
        try pool.redis.ask("FLUSHALL")
        try pool.owned(by: "w1", pool.layout.lanes.count)
        try pool.redis.ask("DEL", "t:config")
        pool.vanish("w1")
        try pool.redis.ask("FCALL", "tidings_bury", "0", "t", "w1")
        try pool.startAlone("w2")
        #expect(try pool.redis.ask("HGET", "t:config", "partitions").line == "2")
    }

    @Test("NAME:config that is gone is there again within a heartbeat, and the worker goes on")
    func configurationGone() throws {
        let pool = try pool()
        try pool.startAlone()
        try pool.redis.ask("DEL", "t:config")
        try pool.push(0..<3)
        try pool.published(3, within: 5)
        try pool.runner.run(within: 5, "it is written") {
            try pool.redis.ask("HGET", "t:config", "stages").text == "a,b"
        }
    }

    @Test(
        "a worker that slept through a change of the shape moves nothing, ends its lanes, and comes back when it fits")
    func reshaped() throws {
        let pool = try pool(4)
        let worker = try pool.start("w1")
        var refusals: [String] = []
        worker.onRefused = { refusals.append($0.message) }
        try pool.owned(by: "w1", pool.layout.lanes.count)
        // From here on the loop stands still, and others act on Redis.
        let server = pool.server
        try server.cli("DEL", "t:procs")
        #expect(try server.cli("FCALL", "tidings_hello", "0", "t", "1", "2", "a,b").hasPrefix("OK"))
        let event = #"{"thread":"0","n":1}"#
        for key in ["{t.3}:queue:a", "{t.0}:queue:a", "t:incoming"] { try server.cli("RPUSH", key, event) }
        // It goes on.
        try pool.runner.run(within: 10, "it is refused, and has no lanes") {
            !refusals.isEmpty && pool.lanes["w1"] == 0
        }
        #expect(refusals[0].contains("partitions 2 in Redis, 4 here") || refusals[0].contains("still holds"))
        pool.runner.run(for: 0.3)
        for key in ["{t.3}:queue:a", "{t.0}:queue:a", "t:incoming"] {
            #expect(try server.cli("LRANGE", key, "0", "-1") == event, "\(key)")
        }
        #expect(try server.cli("EXISTS", "{t.3}:queue:b", "{t.0}:queue:b") == "0")
        #expect(try server.cli("ZCARD", "t:procs") == "0", "no one shares lanes with it")

        for key in ["{t.3}:queue:a", "{t.0}:queue:a", "t:incoming"] { try server.cli("DEL", key) }
        try pool.owned(by: "w1", pool.layout.lanes.count)
        try pool.push(0..<3)
        try pool.published(3)
    }

    @Test("it hears of a new epoch on the control channel at once, and greets")
    func announced() throws {
        let pool = try pool()
        try pool.startAlone()
        let epoch = try #require(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer)
        let ahead = epoch + 5_000_000
        let before = try pool.redis.ask("INFO", "commandstats").text ?? ""
        try pool.redis.ask("FCALL", "tidings_hello", "0", "t", "1", "2", "a,b", String(ahead))
        pool.runner.run(for: 0.2)
        let after = try pool.redis.ask("INFO", "commandstats").text ?? ""
        #expect(Self.calls("function|load", before) == Self.calls("function|load", after))
        #expect(Self.calls("fcall_ro", after) > Self.calls("fcall_ro", before), "it asked for the library's version")
        #expect(try #require(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer) > ahead)
        try pool.push(0..<3)
        try pool.published(3)
    }

    @Test("a pipeline with the same name in another database has an epoch of its own, and neither drives the other on")
    func otherDatabase() throws {
        let pool = try pool()
        try pool.startAlone()
        let epoch = try #require(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer)
        let ahead = epoch + 5_000_000
        for _ in 0..<3 {
            let hello = ["-n", "1", "FCALL", "tidings_hello", "0", "t", "1", "2", "a,b", String(ahead)]
            let other = try #require(try pool.server.cli(hello).split(separator: "\n").last.flatMap { Int64($0) })
            #expect(other > ahead)
            try pool.server.cli("PUBLISH", "t:control", "epoch \(other)")
            pool.runner.run(for: 0.1)
        }
        #expect(try pool.redis.ask("HGET", "{t.0}:epoch", "number").integer == epoch)
        try pool.push(0..<3)
        try pool.published(3)
    }

    private static func calls(_ command: String, _ stats: String) -> Int {
        guard let line = stats.split(separator: "\r\n").first(where: { $0.hasPrefix("cmdstat_\(command):calls=") })
        else { return 0 }
        return Int(line.split(separator: "=")[1].prefix { $0.isNumber }) ?? 0
    }
}
