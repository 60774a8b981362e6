import TestSupport
import Testing

@testable import Thoonk

/// Redis stops, restarts, loses its functions, and refuses commands.
@Suite("a Thoonk client during outages")
struct ThoonkOutageTests {
    /// Polls ten times as often as usual.
    private static var polling: ThoonkOptions {
        var options = ThoonkOptions()
        options.pollInterval = 200
        return options
    }

    @Test("a verb waits for a connection and fails after the time-out")
    func unreachable() async throws {
        let world = try ThoonkWorld(options: ThoonkOptions(connectTimeout: .milliseconds(150)))
        try world.server.kill()
        #expect(await code { try await world.client.queue("q").put("x") } == .unreachable)
        #expect(await code { _ = try await world.client.queue("q").count() } == .unreachable)
        #expect(await code { _ = try await world.client.queue("q").get(timeout: .milliseconds(50)) } == .unreachable)
        try world.server.restart()
        let patient = try world.another()
        try await patient.queue("q").put("x")
        try await soon { (try? await world.client.queue("q").get(timeout: .zero)?.text) == "x" }
    }

    @Test("a verb that finds no server goes on when one starts within the time-out")
    func patient() async throws {
        let world = try ThoonkWorld(options: ThoonkOptions(connectTimeout: .seconds(20)))
        try world.server.kill()
        async let id = world.client.job("j").put("x", id: "1")
        try await soon("the put waits for a connection") { await !world.client.core.parked.isEmpty }
        try world.server.restart()
        #expect(try await id == "1")
        #expect(try await world.client.job("j").get(timeout: .zero)?.text == "x")
    }

    @Test("a write whose reply is lost fails as uncertain; a read is sent again")
    func uncertain() async throws {
        let world = try ThoonkWorld()
        let job = world.client.job("j")
        try await job.create()
        world.server.pause()
        async let put = code { try await job.put("x", id: "1") }
        async let count = job.counts().waiting
        // Both are on their way when the server dies.
        try await Task.sleep(for: .milliseconds(100))
        try world.server.restart()
        #expect(await put == .uncertain)
        #expect(try await count == 0)
        // The same put again doubles nothing.
        try await job.put("x", id: "1")
        try await job.put("x", id: "1")
        #expect(try await job.waiting() == ["1"])
    }

    @Test(
        "waiting gets survive a killed server and lost connections, and each receives an item",
        arguments: [
            "kill", "normal", "pubsub", "both",
        ])
    func waiting(trouble: String) async throws {
        let world = try ThoonkWorld(appendOnly: .always)
        let job = world.client.job("j")
        let queue = world.client.queue("q")
        async let claims = withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<10 { group.addTask { try await job.get(timeout: .seconds(30))?.text } }
            return try await group.reduce(into: Set<String>()) { if let text = $1 { $0.insert(text) } }
        }
        async let item = queue.get(timeout: .seconds(30))
        // Both lists were read and found empty.
        try await soon { try world.calls(of: "llen") >= 2 }
        switch trouble {
        case "kill":
            try world.server.kill()
            try world.server.restart()
        case "both":
            try world.server.cli("CLIENT", "KILL", "TYPE", "pubsub")
            try world.server.cli("CLIENT", "KILL", "TYPE", "normal")
        default: try world.server.cli("CLIENT", "KILL", "TYPE", trouble)
        }
        let other = try world.another()
        try await other.job("j").put(all: (1...10).map { "\($0)" })
        try await other.queue("q").put("item")
        #expect(try await claims == Set((1...10).map { "\($0)" }))
        #expect(try await item?.text == "item")
        #expect(try await job.counts().claimed == 10)
    }

    @Test("functions that the server has lost are loaded again, also during a waiting get")
    func flushed() async throws {
        let world = try ThoonkWorld()
        let queue = world.client.queue("q")
        async let item = queue.get(timeout: .seconds(20))
        try await soon { try world.calls(of: "llen") > 0 }
        try world.server.cli("FUNCTION", "FLUSH")
        try world.server.cli("HSET", "feed.items:q", "1", "x")
        try world.server.cli("LPUSH", "feed.ids:q", "1")
        #expect(try await item?.text == "x")
        try world.server.cli("FUNCTION", "FLUSH")
        try await queue.put("y")
        #expect(try await queue.count() == 1)
    }

    @Test("an older library is replaced, a newer one stays")
    func versions() async throws {
        let world = try ThoonkWorld()
        func load(version: Int) throws {
            let source = """
                #!lua name=thoonk
                local function version() return \(version) end
                redis.register_function({ function_name = 'thoonk_version', callback = version, flags = { 'no-writes' } })
                """
            try world.server.cli(["-x", "FUNCTION", "LOAD", "REPLACE"], input: source)
        }
        try load(version: 0)
        try await world.client.queue("q").put("x")
        try load(version: 1_000_000)
        #expect(await code { try await world.another().queue("q").put("x") } == .refused)
        #expect(try world.server.cli("FCALL", "thoonk_version", "0") == "1000000")
    }

    @Test("when Redis does not report changes, gets read the list now and then")
    func blind() async throws {
        let world = try ThoonkWorld()
        try await world.client.queue("q").create()
        try world.server.cli("ACL", "SETUSER", "default", "-client|tracking")
        let queue = try world.another(ThoonkOutageTests.polling).queue("q")
        async let item = queue.get(timeout: .seconds(20))
        try await soon { try world.server.cli("ACL", "LOG").contains("client|tracking") }
        try await world.client.queue("q").put("x")
        #expect(try await item?.text == "x")
    }

    @Test("waiting gets send nothing while nothing changes")
    func idle() async throws {
        let world = try ThoonkWorld(options: ThoonkOutageTests.polling)
        let waiting = (0..<20).map { number in
            Task { try await world.client.job("j\(number % 4)").get(timeout: .seconds(60)) }
        }
        func commands() throws -> Int { try world.calls(of: "llen") + world.calls(of: "fcall") }
        try await soon { try world.calls(of: "llen") > 0 }
        // Longer than the poll interval. The first attempt may see a last poll, sent before the lists were watched.
        try await soon(within: 20, "no command for 400 ms") {
            let before = try commands()
            try await Task.sleep(for: .milliseconds(400))
            return try commands() == before
        }
        for task in waiting { task.cancel() }
        for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
    }

    @Test("with full memory a put is refused, and jobs can still be got and finished")
    func fullMemory() async throws {
        let world = try ThoonkWorld(maxMemory: "8mb")
        let job = world.client.job("j")
        try await job.put("first")
        let filler = String(repeating: "x", count: 1_000_000)
        var error: ThoonkError.Code?
        for _ in 0..<20 where error == nil { error = await code { try await job.put(filler) } }
        #expect(error == .memoryFull)
        let claim = try #require(try await job.get(timeout: .zero))
        #expect(claim.text == "first")
        #expect(try await job.finish(claim, result: "ok") == .done)
        #expect(try await job.delete())
        try await soon { await code { try await job.put("again") } == nil }
    }

    @Test("an unusable address is refused at once")
    func address() {
        #expect(throws: ThoonkError.self) { _ = try ThoonkClient(redis: "http://x") }
    }
}
