import JSON
import Logging
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// A worker with the pipeline `t` on its own server: the stage under test, then a publisher.
final class ExecPool {
    let server: RedisServer
    let runner: LoopRunner
    let redis: RedisClient
    let log = ExecLog()
    let layout: PipelineLayout
    private let worker: Worker

    /// - Parameter factory: creates the stage under test, named `x`, for each lane.
    init(partitions: Int = 1, attempts: Int = 5, _ factory: @escaping StageFactory) throws {
        server = try RedisServer()
        runner = try LoopRunner()
        redis = try RedisClient(server, on: runner)
        layout = PipelineLayout(name: "t", partitions: partitions, stages: ["x", "publish"])
        var limits = PipelineLimits()
        limits.history = .all(100_000)
        limits.attempts = attempts
        let options = WorkerOptions(
            id: "w", layout: layout, limits: limits, redis: try RedisAddress(url: server.url),
            stages: ["x": factory, "publish": { Publisher() }])
        worker = Worker(on: runner.loop, options: options, logger: log.logger)
        var lanes = 0
        worker.onLanesChanged = { lanes = $0 }
        worker.start()
        try runner.run(within: 15, "the worker has its lanes") { lanes == layout.lanes.count }
    }

    private final class Publisher: Stage {
        func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
            .publish(event, channels: ["thread:\(event.fields["thread"]?.string ?? "?")"])
        }
    }

    /// Pushes events `{"thread":…,"n":…}` into the first inlet.
    func push(_ numbers: some Sequence<Int>, threads: Int = 1) throws {
        let events = numbers.map { #"{"thread":"\#($0 % threads)","n":\#($0)}"# }
        try redis.ask(words: ["RPUSH", "t:incoming"] + events)
    }

    /// The events of a thread's feed, in order.
    func published(thread: Int = 0) throws -> [ParsedJSON] {
        let ids = try redis.ask("ZRANGE", "feed.ids:{thread:\(thread)}", "0", "-1").array?.compactMap(\.text) ?? []
        guard !ids.isEmpty else { return [] }
        let items = try redis.ask(words: ["HMGET", "feed.items:{thread:\(thread)}"] + ids).array ?? []
        return try items.map { try ParsedJSON(parsing: $0.text ?? "") }
    }

    func count(thread: Int = 0) throws -> Int64 {
        try redis.ask("ZCARD", "feed.ids:{thread:\(thread)}").integer ?? 0
    }

    /// The dead letters of the stage under test in the first partition.
    func dead() throws -> [ParsedJSON] {
        try (redis.ask("LRANGE", layout.dead(LaneID(stage: "x", partition: 0)), "0", "-1").array ?? []).map {
            try ParsedJSON(parsing: $0.text ?? "")
        }
    }

    /// For every lane: in = out + dropped + dead + held + waiting.
    func expectBalance(_ note: Comment? = nil) throws {
        for lane in layout.lanes where !lane.isIncoming {
            let fields = try ["in", "out", "dropped", "dead", "held"].map {
                try redis.ask("HGET", layout.lane(lane), $0).integer ?? 0
            }
            let waiting = try redis.ask("LLEN", layout.queue(lane)).integer ?? 0
            #expect(fields[0] == fields[1...].reduce(waiting, +), note)
        }
    }
}
