import JSON
import Pipeline
import Redis
import Store
import TestSupport

@testable import Connectors

/// The pipeline `t` with the stages `first` and `hook`, its Redis server, and one worker.
final class WebhookPool {
    let server: RedisServer
    let runner: LoopRunner
    let redis: RedisClient
    let layout: PipelineLayout
    let client: WebhookClient
    private var worker: Worker?
    private var lanes = 0
    private let limits: PipelineLimits
    private let firstPause: Int64
    private let window: Int64

    /// - Parameters:
    ///   - firstPause: the pause after an event's first failure, in milliseconds.
    ///   - window: how long a batch may start requests, in milliseconds.
    init(
        _ options: WebhookOptions, partitions: Int = 1, attempts: Int = 5, batch: Int = 512, firstPause: Int64 = 5,
        window: Int64 = 1000
    ) throws {
        server = try RedisServer()
        runner = try LoopRunner()
        redis = try RedisClient(server, on: runner)
        layout = PipelineLayout(name: "t", partitions: partitions, stages: ["first", "hook"])
        client = try WebhookClient(options)
        var limits = PipelineLimits()
        limits.attempts = attempts
        limits.batchEvents = batch
        self.limits = limits
        self.firstPause = firstPause
        self.window = window
        try start()
    }

    /// Starts a worker and waits until it has every lane.
    func start() throws {
        let client = client
        let schedule = WebhookSchedule(inFlight: client.options.inFlight, window: window, firstPause: firstPause)
        let worker = Worker(
            on: runner.loop,
            options: WorkerOptions(
                id: "w", layout: layout, limits: limits, redis: try RedisAddress(url: server.url),
                stages: ["first": { PassStage() }, "hook": { WebhookStage(client, schedule: schedule) }]),
            logger: .silent)
        worker.onLanesChanged = { [unowned self] in self.lanes = $0 }
        self.worker = worker
        worker.start()
        try runner.run(within: 15, "the worker has its lanes") { lanes == layout.lanes.count }
    }

    /// Stops the worker and waits until it has stopped.
    func stop(within seconds: Double = 10) throws {
        var hasLeft = false
        worker?.stop { hasLeft = true }
        try runner.run(within: seconds, "the worker has left") { hasLeft }
        worker = nil
    }

    /// Puts events `{"thread":…,"n":…}` into the pipeline.
    func push(_ events: [(thread: String, number: Int)]) throws {
        try redis.ask(words: ["RPUSH", "t:incoming"] + events.map { #"{"thread":"\#($0.thread)","n":\#($0.number)}"# })
    }

    /// A counter of a stage, summed over its lanes.
    func count(_ field: String, of stage: String = "hook") throws -> Int {
        try (0..<layout.partitions).reduce(0) { sum, partition in
            let lane = layout.lane(LaneID(stage: stage, partition: partition))
            let text = try redis.ask("HGET", lane, field).text ?? "0"
            return sum + (Int(text) ?? 0)
        }
    }

    /// The dead letters of the first partition, oldest last.
    func deadLetters() throws -> [ParsedJSON] {
        try redis.ask("LRANGE", layout.dead(LaneID(stage: "hook", partition: 0)), "0", "-1").array?
            .map { try ParsedJSON(parsing: $0.text ?? "") } ?? []
    }
}

/// The secret with which tests sign: that of the example in the documentation of Standard Webhooks.
let webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/// An event as a lane passes it to a stage.
func webhookEvent(_ text: String) throws -> Event {
    let raw = Array(text.utf8)
    return Event(fields: try JSONParser(maxBytes: 1 << 20).parseObject(raw), raw: raw)
}

extension CurlResponse {
    static func answered(_ status: Int, retryAfter: Int64? = nil, body: String = "") -> CurlResponse {
        CurlResponse(end: .answered, status: status, retryAfter: retryAfter, body: Array(body.utf8))
    }
}
