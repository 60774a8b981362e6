import Glibc
import Supervision
import TestSupport
import Testing

/// What a person or a script learns from `tidings enqueue` when Redis is in trouble.
struct OutageEnqueueTests {
    @Test(
        "a Redis that refuses is told in its own words, with exit code 75, nothing is taken, and the same works later",
        arguments: [
            (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "READONLY"),
            (
                ["CONFIG", "SET", "min-replicas-to-write", "1"], ["CONFIG", "SET", "min-replicas-to-write", "0"],
                "NOREPLICAS"
            ),
            (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "OOM"),
            (
                ["CONFIG", "SET", "requirepass", "x"],
                ["-a", "x", "--no-auth-warning", "CONFIG", "SET", "requirepass", ""], "NOAUTH"
            ),
        ])
    func refused(trouble: [String], cure: [String], word: String) throws {
        let world = try OutageWorld()
        try world.server.cli(trouble)
        let refused = try world.enqueue(OutageWorld.lines(0..<10))
        #expect(refused.exit == .code(75), "\(refused.errors)")
        #expect(refused.errors.contains(word), "\(refused.errors)")
        try world.server.cli(cure)
        let taken = try world.enqueue(OutageWorld.lines(0..<10))
        #expect(taken.succeeded && taken.output.hasPrefix("10 events enqueued"), "\(taken.errors)")
        let waiting = try (0..<4).map { Int(try world.server.cli("LLEN", "{comments.\($0)}:queue:validate")) ?? 0 }
        #expect(waiting.reduce(0, +) == 10)
    }

    @Test("a Redis that is busy with an endless script is told as busy, with exit code 75")
    func busy() throws {
        let world = try OutageWorld()
        try world.server.cli("CONFIG", "SET", "busy-reply-threshold", "20")
        let script = try ChildProcess("redis-cli", ["-s", world.server.socket, "EVAL", "while true do end", "0"])
        try eventually { try world.server.cli("PING").contains("BUSY") }
        let refused = try world.enqueue(OutageWorld.lines(0..<1))
        #expect(refused.exit == .code(75) && refused.errors.contains("BUSY"), "\(refused.errors)")
        try world.server.cli("SCRIPT", "KILL")
        try script.wait(within: 5)
    }

    @Test("a memory that is full for a moment is waited for")
    func fullForAMoment() throws {
        let world = try OutageWorld()
        #expect(try world.enqueue(OutageWorld.lines(0..<3)).succeeded)
        try world.server.cli("CONFIG", "SET", "maxmemory", "1")
        let feeder = try TidingsBinary.launch(
            ["enqueue", "--config", world.configuration, "--redis", world.server.url],
            input: OutageWorld.lines(3..<6))
        usleep(700_000)
        #expect(feeder.isRunning)
        try world.server.cli("CONFIG", "SET", "maxmemory", "0")
        #expect(try feeder.wait(within: 5) == .code(0))
        #expect(feeder.output.hasPrefix("3 events enqueued"))
    }

    @Test(
        "when Redis dies in the middle of a file the count is exact, and the same file again loses and doubles nothing")
    func diesInTheMiddle() throws {
        let world = try OutageWorld()
        // A line that takes a second or two for the file.
        let proxy = try SlowProxy(to: world.server.socket)
        proxy.set(SlowProxy.Line(bandwidth: 100_000))
        let lines = OutageWorld.lines(0..<3000)
        let feeder = try TidingsBinary.launch(
            ["enqueue", "--config", world.configuration, "--redis", proxy.url, "--batch", "100"], input: lines)
        func waiting() throws -> Int {
            try (0..<4).map { Int(try world.server.cli("LLEN", "{comments.\($0)}:queue:validate")) ?? 0 }.reduce(0, +)
        }
        try eventually(within: 10, "some are in; \(feeder.errors)") { try waiting() >= 500 }
        try world.server.kill()
        #expect(try feeder.wait(within: 10) == .code(75))
        let words = feeder.errors.split { !$0.isNumber }.compactMap { Int($0) }
        let accepted = try #require(words.first, "\(feeder.errors)")
        #expect(feeder.errors.contains("stopped after \(accepted) events, at line \(accepted + 1)"))

        try world.server.restart()
        // Batches whose answers were lost may be in as well, which is said; what was told to be in is.
        let isIn = try waiting()
        let uncertain = words.count > 2 && feeder.errors.contains("more may be in") ? words[2] : 0
        #expect((0...uncertain).contains(isIn - accepted) && (isIn - accepted) % 100 == 0, "\(isIn): \(feeder.errors)")
        #expect(uncertain <= 800)
        #expect(try world.enqueue(lines).succeeded)
        let pool = try world.launch("work", "--workers", "1")
        try world.expectPublished(3000, pool.errors)
    }
}
