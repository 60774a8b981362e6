import Comments
import Events
import JSON
import Logging
import Pipeline
import Redis
import Store
import TestSupport
import Testing

@Suite("moderate, with Redis")
struct ModerateStageTests {
    private let server: RedisServer
    private let loop: EventLoop
    private let redis: RedisConnection

    init() throws {
        server = try RedisServer()
        try server.cli(
            "-x", "FUNCTION", "LOAD", "REPLACE", input: String(decoding: FunctionLibrary.tidings.source, as: UTF8.self))
        loop = try EventLoop()
        redis = RedisConnection(
            on: loop, to: try RedisAddress(url: server.url), name: "test", logger: Logger(label: "test"))
        redis.start()
        let deadline = Deadline(in: 10)
        while !redis.isReady && !deadline.isOver { loop.runOnce(wait: true) }
    }

    /// Runs one batch through the stage, as a lane does.
    private func run(_ stage: ModerateStage, _ batch: [Event]) throws -> [Decision] {
        let context = StageContext(
            pipeline: "comments", stage: "moderate", partition: 0, loop: loop, redis: redis,
            logger: Logger(label: "test"), now: 1)
        var answers: [StageError?] = []
        stage.prepare(batch, context: context) { answers.append($0) }
        let deadline = Deadline(in: 10)
        while answers.isEmpty && !deadline.isOver { loop.runOnce(wait: true) }
        try #require(answers.count == 1)
        if let error = answers[0] { throw error }
        return try batch.map { Decision(try stage.process($0, context: context)) }
    }

    @Test("who is in the set of banned authors is dropped, from the next batch on")
    func banned() throws {
        let stage = try ModerateStage()
        let batch = [event(["author": ["id": 7]]), event(["author": ["id": 8, "name": "Ann"]]), event(["text": "x"])]
        #expect(try run(stage, batch).allSatisfy { $0.forwarded != nil })
        try server.cli("SADD", "comments:banned", "7", "Ann")
        let decisions = try run(stage, batch)
        #expect(decisions[0] == .drop("banned_author"))
        #expect(decisions[1] == .drop("banned_author"))
        #expect(decisions[2].forwarded != nil)
    }

    @Test("an author's comments are counted over batches and lanes")
    func rate() throws {
        // A window of ten years does not end during the test.
        let options = ModerateOptions(authorRate: .init(count: 3, seconds: 315_360_000), hold: false)
        let first = try ModerateStage(options)
        let second = try ModerateStage(options)
        func comments(_ numbers: ClosedRange<Int64>) -> [Event] {
            numbers.map { event(["author": ["id": 7], "n": .int($0)]) }
        }
        #expect(try run(first, comments(1...2)).allSatisfy { $0.forwarded != nil })
        let decisions = try run(second, comments(3...4) + [event(["author": ["id": 8]])])
        #expect(decisions[0].forwarded != nil)
        #expect(decisions[1] == .drop("author_rate"))
        #expect(decisions[2].forwarded != nil)
    }

    @Test("a batch that is run again and again counts once, whole or in parts, by the same lane or another")
    func rerun() throws {
        let options = ModerateOptions(authorRate: .init(count: 3, seconds: 315_360_000), hold: false)
        let batch = (1...3).map { event(["author": ["id": 7], "n": .int($0)]) }
        for _ in 0..<3 {
            #expect(try run(ModerateStage(options), batch).allSatisfy { $0.forwarded != nil })
        }
        for one in batch { #expect(try run(ModerateStage(options), [one])[0].forwarded != nil) }
        let late = try run(ModerateStage(options), [event(["author": ["id": 7], "n": 4])] + batch)
        #expect(late[0] == .drop("author_rate"))
        #expect(late[1...].allSatisfy { $0.forwarded != nil })
    }

    @Test("a batch without authors sends no command")
    func silent() throws {
        redis.stop()
        #expect(try run(ModerateStage(), [event(["text": "x"])]).count == 1)
    }

    @Test("when Redis cannot be asked, the batch is to be tried again")
    func failure() throws {
        try server.cli("SET", "comments:banned", "no set")
        #expect(throws: StageError.self) { try run(ModerateStage(), [event(["author": ["id": 7]])]) }
        redis.stop()
        #expect(throws: StageError.self) { try run(ModerateStage(), [event(["author": ["id": 7]])]) }
    }
}
