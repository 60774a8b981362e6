import Pipeline
import Redis
import Store
import TestSupport
import Testing

@Suite("enqueueing")
struct EnqueuerTests {
    private let layout = PipelineLayout(name: "t", partitions: 2, stages: ["a"])

    private func client(maxMemory: String? = nil) throws -> (RedisClient, LoopRunner, RedisServer) {
        let server = try RedisServer(maxMemory: maxMemory)
        let runner = try LoopRunner()
        let client = try RedisClient(server, on: runner)
        var load = RedisCommand("FUNCTION", "LOAD")
        load.append(FunctionLibrary.tidings.source)
        try client.ask(load)
        try client.ask("FCALL", "tidings_hello", "0", "t", "1", "2", "a")
        return (client, runner, server)
    }

    private func enqueue(
        _ events: [Int: [[UInt8]]], limit: Int = 0, on client: RedisClient, _ runner: LoopRunner
    ) throws -> PipelineError? {
        var limits = PipelineLimits()
        limits.queueEvents = limit
        var answer: Result<Void, PipelineError>?
        Enqueuer(layout: layout, limits: limits, connection: client.connection).enqueue(events) { answer = $0 }
        try runner.run(within: 10, "an answer") { answer != nil }
        if case .failure(let error) = answer { return error }
        return nil
    }

    @Test("events reach the queues of their partitions in order and are counted")
    func taken() throws {
        let (client, runner, server) = try client()
        #expect(try enqueue([0: [[1], [0, 2]], 1: [[3]]], on: client, runner) == nil)
        #expect(try client.ask("LRANGE", "{t.0}:queue:a", "0", "-1").array?.map(\.bytes) == [[1], [0, 2]])
        #expect(try client.ask("LRANGE", "{t.1}:queue:a", "0", "-1").array?.map(\.bytes) == [[3]])
        #expect(try client.ask("HGET", "{t.0}:lane:a", "in").integer == 2)
        try server.stop()
    }

    @Test("a full queue refuses all, and the error says which")
    func full() throws {
        let (client, runner, server) = try client()
        #expect(try enqueue([1: [[1], [2]]], limit: 2, on: client, runner) == nil)
        let error = try #require(try enqueue([0: [[3]], 1: [[4]]], limit: 2, on: client, runner))
        #expect(error.code == .full)
        #expect(error.message == "{t.1}:queue:a is full with 2 events; try again later")
        #expect(try client.ask("EXISTS", "{t.0}:queue:a").integer == 0)
        try server.stop()
    }

    @Test("a full memory is told as full, a lost connection as trouble with redis")
    func trouble() throws {
        let (client, runner, server) = try client(maxMemory: "3mb")
        var error: PipelineError?
        for _ in 0..<2000 where error == nil {
            error = try enqueue([0: [Array(repeating: 65, count: 5000)]], on: client, runner)
        }
        #expect(error?.code == .full)
        #expect(error?.underlying?.code == .outOfMemory)
        try server.kill()
        #expect(try enqueue([0: [[1]]], on: client, runner)?.code == .redis)
    }

    @Test("a pipeline without stages takes nothing")
    func noStages() throws {
        let (client, _, server) = try client()
        var code: PipelineError.Code?
        let bare = PipelineLayout(name: "t", partitions: 1, stages: [])
        Enqueuer(layout: bare, limits: PipelineLimits(), connection: client.connection).enqueue([0: [[1]]]) { result in
            if case .failure(let error) = result { code = error.code }
        }
        #expect(code == .invalid)
        try server.stop()
    }
}
