import JSON
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// Workers of a test, all on one loop, over a server of its own. The pipeline is called `t`.
final class WorkerPool {
    let server: RedisServer
    let runner: LoopRunner
    let redis: RedisClient
    let layout: PipelineLayout
    var limits = PipelineLimits()
    /// What each worker that is started from now on does in each stage.
    var stages: [String: StageFactory]
    /// The inlets of workers that are started from now on.
    var inlets: [Inlet] = []
    private(set) var workers: [String: Worker] = [:]
    /// How many lanes each worker said that it has.
    private(set) var lanes: [String: Int] = [:]

    init(
        partitions: Int = 2, stages: KeyValuePairs<String, StageFactory>, appendOnly: RedisServer.AppendOnly = .no
    ) throws {
        server = try RedisServer(appendOnly: appendOnly)
        runner = try LoopRunner()
        redis = try RedisClient(server, on: runner)
        layout = PipelineLayout(name: "t", partitions: partitions, stages: stages.map(\.key))
        self.stages = Dictionary(uniqueKeysWithValues: stages.map { ($0.key, $0.value) })
        limits.history = .all(100_000)
    }

    @discardableResult
    func start(_ id: String, serves: [String]? = nil) throws -> Worker {
        var options = WorkerOptions(
            id: id, layout: layout, limits: limits, serves: serves, redis: try RedisAddress(url: server.url),
            stages: stages)
        options.inlets = inlets
        let worker = Worker(on: runner.loop, options: options, logger: .silent)
        worker.onLanesChanged = { [unowned self] in self.lanes[id] = $0 }
        workers[id] = worker
        worker.start()
        return worker
    }

    /// Starts a worker and waits until it has every lane.
    func startAlone(_ id: String = "w1") throws {
        try start(id)
        try owned(by: id, layout.lanes.count)
    }

    /// Stops a worker and waits until it has left.
    func stop(_ id: String) throws {
        var hasLeft = false
        workers[id]?.stop { hasLeft = true }
        try runner.run(within: 10, "\(id) has left") { hasLeft }
        workers[id] = nil
    }

    /// Drops a worker as if it was killed: it sends nothing any more, and nobody ends its leases.
    func vanish(_ id: String) {
        weak let worker = workers[id]
        workers[id] = nil
        #expect(worker == nil, "\(id) is kept alive")
    }

    /// Waits until Redis says that so many lanes are the worker's.
    func owned(by id: String, _ count: Int) throws {
        try runner.run(within: 15, "\(id) has \(count) lanes") {
            try lanes[id] == count && owners().filter { $0 == id }.count == count
        }
    }

    func owners() throws -> [String] {
        try layout.lanes.map { try redis.ask("HGET", layout.lane($0), "owner").text ?? "" }
    }

    /// RPUSH by another program, into the queue `t:incoming`: events `{"thread":…,"n":…}`.
    func push(_ numbers: some Sequence<Int>, threads: Int = 1) throws {
        let events = numbers.map { #"{"thread":"\#($0 % threads)","n":\#($0)}"# }
        try redis.ask(words: ["RPUSH", "t:incoming"] + events)
    }

    /// The numbers of a thread's events in its feed, in order. See ``publisher``.
    func published(thread: Int = 0) throws -> [Int] {
        let ids = try redis.ask("ZRANGE", "feed.ids:{thread:\(thread)}", "0", "-1").array?.compactMap(\.text) ?? []
        guard !ids.isEmpty else { return [] }
        let items = try redis.ask(words: ["HMGET", "feed.items:{thread:\(thread)}"] + ids).array ?? []
        return try items.map { try #require(try ParsedJSON(parsing: $0.text ?? "")["n"]?.integer) }
    }

    /// Waits until that many events are in the thread's feed.
    func published(_ count: Int, thread: Int = 0, within seconds: Double = 20) throws {
        try runner.run(within: seconds, "\(count) events of thread \(thread) are published") {
            try redis.ask("ZCARD", "feed.ids:{thread:\(thread)}").integer ?? 0 >= Int64(count)
        }
    }

    /// For every lane: in = out + dropped + dead + held + waiting. The last commits may still be on their way.
    func expectBalance(_ note: String = "") throws {
        var wrong: [String] = []
        let deadline = Deadline(in: 5)
        repeat {
            wrong = try layout.lanes.compactMap(imbalance)
        } while !wrong.isEmpty && !deadline.isOver
        #expect(wrong.isEmpty, "\(note)")
    }

    private func imbalance(of lane: LaneID) throws -> String? {
        let fields = try ["in", "out", "dropped", "dead", "held"].map { field in
            try redis.ask("HGET", layout.lane(lane), field).integer ?? 0
        }
        // An incoming lane counts its arrivals when it takes them.
        let waiting = lane.isIncoming ? 0 : try redis.ask("LLEN", layout.queue(lane)).integer ?? 0
        return fields[0] == fields[1...].reduce(waiting, +) ? nil : "\(lane): \(fields), \(waiting) wait"
    }

    /// Waits until the test's own connection is made again after the server was restarted.
    func reconnected() throws {
        try runner.run(within: 10, "the test noticed") { !redis.connection.isReady }
        try redis.reconnected()
    }

    /// The last stage of a test's pipeline: to the feed of the event's thread.
    static let publisher: @Sendable () -> any Stage = {
        TestStage { event throws(StageError) in
            .publish(event, channels: ["thread:\(event.fields["thread"]?.string ?? "?")"])
        }
    }

    static let pass: @Sendable () -> any Stage = { PassStage() }
}
