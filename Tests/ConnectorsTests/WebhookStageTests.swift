import Events
import Glibc
import Pipeline
import Redis
import Store
import Synchronization
import TestSupport
import Testing

@testable import Connectors

@Suite("the stage webhook, with workers and Redis")
struct WebhookStageTests {
    private func options(_ stub: HTTPStub, timeout: Int64 = 1000, inFlight: Int = 8) -> WebhookOptions {
        WebhookOptions(url: stub.url, secret: webhookSecret, timeout: timeout, inFlight: inFlight)
    }

    /// The numbers of the events that a receiver has accepted, by thread, in order.
    private func numbers(_ bodies: [String]) throws -> [String: [Int]] {
        try bodies.reduce(into: [:]) { sum, body in
            let event = try ParsedJSON(parsing: body)
            sum[try #require(event["thread"]?.string), default: []].append(try #require(event["n"]?.integer))
        }
    }

    @Test("a receiver that fails at random gets each event in the order of its conversation", arguments: [1, 2, 3])
    func order(_ seed: UInt64) throws {
        let random = Mutex(SplitMix64(seed: seed))
        let taken = Mutex<[String]>([])
        let stub = try HTTPStub { request in
            usleep(1000)
            switch random.withLock({ Int.random(in: 0..<24, using: &$0) }) {
            case 0: return .status(500)
            case 1: return .close
            case 2: return .raw("nonsense")
            default:
                taken.withLock { $0.append(request.body) }
                return .status(200)
            }
        }
        let pool = try WebhookPool(options(stub), partitions: 2, attempts: 1000, batch: 50)
        let events = (0..<600).map { (thread: "\($0 % 7)", number: $0) }
        for start in stride(from: 0, to: 600, by: 150) { try pool.push(Array(events[start..<start + 150])) }
        try pool.runner.run(within: 60, "all is delivered, seed \(seed)") { try pool.count("out") == 600 }
        let received = try numbers(taken.withLock { $0 })
        for thread in 0..<7 {
            #expect(received["\(thread)"] == Array(stride(from: thread, to: 600, by: 7)), "seed \(seed)")
        }
        #expect(try pool.count("dead") == 0)
        #expect(stub.mostInFlight > 2)
    }

    @Test("no more requests are under way than allowed, and one for each conversation")
    func inFlight() throws {
        let open = Mutex<[String: Int]>([:])
        let most = Mutex(0)
        let stub = try HTTPStub { request in
            let thread = (try? ParsedJSON(parsing: request.body))?["thread"]?.string ?? ""
            let count = open.withLock { open in
                open[thread, default: 0] += 1
                return open[thread] ?? 0
            }
            most.withLock { $0 = max($0, count) }
            usleep(5000)
            open.withLock { $0[thread, default: 0] -= 1 }
            return .status(200)
        }
        let pool = try WebhookPool(options(stub, inFlight: 3))
        try pool.push((0..<90).map { ("\($0 % 9)", $0) })
        try pool.runner.run(within: 20, "all is delivered") { try pool.count("out") == 90 }
        #expect(most.withLock { $0 } == 1)
        #expect(stub.mostInFlight == 3)
        #expect(stub.requests.count == 90)
    }

    @Test("a receiver that hangs delays neither other lanes nor the stages before it")
    func hanging() throws {
        let stub = try HTTPStub { $0.body.contains(#""n":0"#) ? .hang : .status(200) }
        let pool = try WebhookPool(options(stub, timeout: 10_000), partitions: 2)
        let threads = (0..<100).map { "\($0)" }
        let other = try #require(threads.first { pool.layout.partition(of: $0) != pool.layout.partition(of: "0") })
        try pool.push([("0", 0)])
        try pool.runner.run(within: 5, "the receiver hangs") { stub.requests.count == 1 }
        let start = Clock.monotonicMilliseconds()
        try pool.push((1...200).map { (other, $0) } + (201...300).map { ("0", $0) })
        try pool.runner.run(within: 8, "the other lane is through") { try pool.count("out") == 200 }
        #expect(try pool.count("out", of: "first") == 301)
        #expect(Clock.monotonicMilliseconds() - start < 8000)
    }

    @Test("an event that is never taken becomes a dead letter with the reason, and the rest is delivered once")
    func dead() throws {
        let stub = try HTTPStub { $0.body.contains(#""n":3}"#) ? .status(422, body: "no thanks") : .status(200) }
        let pool = try WebhookPool(options(stub), attempts: 3)
        try pool.push((0..<20).map { ("\($0 % 4)", $0) })
        try pool.runner.run(within: 20, "all is decided") { try pool.count("out") + pool.count("dead") == 20 }
        let letter = try #require(try pool.deadLetters().first)
        #expect(letter["error"]?.string == "\(stub.url) answered 422: no thanks")
        #expect(letter["attempts"]?.integer == 3)
        let bodies = stub.requests.map(\.body)
        let refused = bodies.filter { $0.contains(#""n":3}"#) }.count
        #expect(refused == 3)
        #expect(bodies.count == 19 + 3)
        #expect(try numbers(bodies)["3"] == [3, 3, 3, 7, 11, 15, 19])
        // Each attempt has the same id.
        #expect(Set(stub.requests.map { $0.headers["webhook-id"] ?? "" }).count == 20)
    }

    @Test("a receiver that comes back gets what has waited for it, in order")
    func recovery() throws {
        let isUp = Mutex(false)
        let stub = try HTTPStub { _ in isUp.withLock { $0 } ? .status(200) : .status(502) }
        let pool = try WebhookPool(options(stub), attempts: 1000)
        try pool.push((0..<100).map { ("\($0 % 5)", $0) })
        try pool.runner.run(within: 10, "it was tried") { stub.requests.count >= 20 }
        #expect(try pool.count("out") == 0)
        let before = stub.requests.count
        isUp.withLock { $0 = true }
        try pool.runner.run(within: 20, "all is delivered") { try pool.count("out") == 100 }
        let later = try numbers(stub.requests.dropFirst(before).map(\.body))
        for thread in 0..<5 {
            #expect(later["\(thread)"]?.suffix(20) == Array(stride(from: thread, to: 100, by: 5))[...])
        }
    }

    @Test("a pause that the receiver asks for uses up no attempts")
    func pause() throws {
        let stub = try HTTPStub { $0.number == 0 ? .status(503, headers: ["Retry-After": "1"]) : .status(200) }
        let pool = try WebhookPool(options(stub, inFlight: 1), attempts: 2)
        try pool.push((0..<10).map { ("\($0)", $0) })
        try pool.runner.run(within: 5, "it was tried") { stub.requests.count == 1 }
        let start = Clock.monotonicMilliseconds()
        try pool.runner.run(within: 15, "all is delivered") { try pool.count("out") == 10 }
        #expect(Clock.monotonicMilliseconds() - start >= 900)
        #expect(stub.requests.count == 11)
    }

    @Test("after a crash between delivery and commit an event is sent again, with the same number")
    func crash() throws {
        let stub = try HTTPStub { _ in .status(200) }
        let runner = try LoopRunner()
        let client = try WebhookClient(options(stub))
        let server = try RedisServer()
        let redis = try RedisClient(server, on: runner)
        let context = StageContext(
            pipeline: "t", stage: "hook", partition: 0, loop: runner.loop, redis: redis.connection, logger: .silent,
            now: 0)
        let batch = [try webhookEvent(#"{"thread":"a","n":1}"#), try webhookEvent(#"{"thread":"a","n":2}"#)]
        for _ in 0..<2 {
            let stage = WebhookStage(client)
            var isReady = false
            stage.prepare(batch, context: context) { error in
                #expect(error == nil)
                isReady = true
            }
            try runner.run(within: 5) { isReady }
            for event in batch {
                guard case .publish(let same, let channels) = try stage.process(event, context: context) else {
                    Issue.record("not handed on")
                    return
                }
                #expect(same.bytes == event.raw && channels.isEmpty)
            }
        }
        let ids = stub.requests.map { $0.headers["webhook-id"] ?? "" }
        #expect(try ids == batch.map { try WebhookID(of: $0.raw).description } + ids.prefix(2))
    }

    @Test("a stage that is released cancels its requests and does not call back")
    func letGo() throws {
        let stub = try HTTPStub { _ in .hang }
        let runner = try LoopRunner()
        let client = try WebhookClient(options(stub, timeout: 100))
        let redis = try RedisClient(try RedisServer(), on: runner)
        let context = StageContext(
            pipeline: "t", stage: "hook", partition: 0, loop: runner.loop, redis: redis.connection, logger: .silent,
            now: 0)
        var stage: WebhookStage? = WebhookStage(client)
        weak let gone = stage
        stage?.prepare([try webhookEvent("{}")], context: context) { _ in Issue.record("ready") }
        try runner.run(within: 5) { stub.requests.count == 1 }
        stage = nil
        #expect(gone == nil)
        // Longer than the request would have taken.
        runner.run(for: 0.15)
    }

    @Test("a worker that is asked to end leaves a receiver that asked for a pause, or hangs, in time")
    func ending() throws {
        let stub = try HTTPStub {
            $0.number == 0 ? .status(503, headers: ["Retry-After": "60"]) : .hang
        }
        let pool = try WebhookPool(options(stub), attempts: 1000)
        try pool.push([("a", 0)])
        try pool.runner.run(within: 5, "it was tried") { stub.requests.count == 1 }
        try pool.runner.run(within: 5, "it pauses") { pool.client.isPaused(at: Clock.monotonicMilliseconds()) }
        try pool.stop(within: 2)
        #expect(try pool.redis.ask("LLEN", pool.layout.queue(LaneID(stage: "hook", partition: 0))).integer == 1)

        let silent = try HTTPStub { _ in .hang }
        let hanging = try WebhookPool(options(silent, timeout: 500), attempts: 1000)
        try hanging.push([("a", 0)])
        try hanging.runner.run(within: 5, "it was tried") { silent.requests.count == 1 }
        try hanging.stop(within: 3)
    }

    @Test("events that a slow receiver has accepted are committed while others are still being sent")
    func slow() throws {
        let stub = try HTTPStub { _ in
            usleep(50_000)
            return .status(200)
        }
        let pool = try WebhookPool(options(stub, inFlight: 2), attempts: 2, window: 250)
        try pool.push((0..<40).map { ("\($0 % 2)", $0) })
        // Twenty requests after one another, 50 ms each.
        try pool.runner.run(within: 2.5, "a part of the batch is committed") { try pool.count("out") > 0 }
        #expect(try pool.count("out") < 40)
        try pool.runner.run(within: 20, "all is delivered") { try pool.count("out") == 40 }
        #expect(stub.requests.count == 40)
    }

    @Test("events of other types go on without being sent")
    func types() throws {
        let stub = try HTTPStub { _ in .status(200) }
        var options = options(stub)
        options.types = ["comment.created"]
        let pool = try WebhookPool(options)
        try pool.redis.ask(
            "RPUSH", "t:incoming", #"{"thread":"1","type":"comment.created"}"#,
            #"{"thread":"1","type":"comment.edited"}"#,
            #"{"thread":"1"}"#)
        try pool.runner.run(within: 10, "all is through") { try pool.count("out") == 3 }
        #expect(stub.requests.map(\.body) == [#"{"thread":"1","type":"comment.created"}"#])
    }
}
