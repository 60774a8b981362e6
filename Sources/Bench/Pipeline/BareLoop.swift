import Console
import Events
import Pipeline
import Redis
import Store

/// The floor to measure against: one process that issues the Redis calls of a pipeline, in the same batches, and does
/// nothing else. It parses no event, makes no decision, and has one batch under way at a time.
///
/// Of the default pipeline it issues the calls for ``BenchInput/worst`` only: it does not know what else is in an event.
package struct BareLoop {
    package let shape: BenchShape
    package let subject: BenchSubject
    package let input: BenchInput

    /// - Parameter subject: whose Redis is used. It is this program.
    package init(shape: BenchShape, subject: BenchSubject, input: BenchInput) {
        self.shape = shape
        self.subject = subject
        self.input = input
    }

    /// Whether it issues the calls that these events would cause.
    package static func knows(_ shape: BenchShape, _ input: BenchInput) -> Bool { !shape.isStandard || input.isWorst }

    private static let batch = 512
    private static let lease: Int64 = 600_000

    /// From the first stage to the end of the last.
    package func run(events count: Int) throws -> BenchResult {
        var meter = try RedisMeter(emptying: subject.client())
        var source = input.source()
        try BenchRun.fill(subject.client(), shape.layout, source.next(count, for: shape.layout))
        try meter.begin()
        let rate = try drain(count) { try meter.stop() }
        return BenchResult(eventsPerSecond: rate, cost: try meter.cost(events: count))
    }

    private func drain(_ count: Int, done: () throws -> Void) throws -> Double {
        let client = try subject.client()
        try client.greet(shape.layout)
        let start = Clock.monotonicNanoseconds()
        var tokens: [LaneID: String] = [:]
        for partition in 0..<BenchShape.partitions {
            for stage in shape.stages {
                let lane = LaneID(stage: stage, partition: partition)
                let answer = try client.call(.claim(lane, of: shape.layout, owner: "bare", lease: BareLoop.lease))
                if case .granted(let token) = answer { tokens[lane] = token }
            }
        }
        for stage in shape.stages {
            for partition in 0..<BenchShape.partitions {
                let lane = LaneID(stage: stage, partition: partition)
                try drain(lane, token: tokens[lane] ?? "", client)
            }
        }
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        try done()
        return Double(count) / seconds
    }

    private func drain(_ lane: LaneID, token: String, _ client: BlockingRedis) throws {
        let queue = shape.layout.queue(lane)
        let peek = RedisCommand("LRANGE", queue, "0", String(BareLoop.batch - 1))
        var events = (try client.call(peek)).array?.compactMap(\.bytes) ?? []
        var serial = 0
        while !events.isEmpty {
            serial += 1
            let call = FunctionCall.commit(commit(lane, token, serial, events), of: shape.layout)
            // The next peek travels with the commit, as in a worker.
            var next: Result<RedisValue, RedisError>?
            let answer: CommitAnswer = try client.wait { done in
                client.connection.call(call, reply: done)
                client.connection.send(peek) { next = $0 }
            }
            guard case .done = answer else { throw CommandError("the bare loop's commit was refused: \(answer)") }
            while next == nil { client.loop.runOnce(wait: true) }
            events = try next?.get().array?.compactMap(\.bytes) ?? []
        }
    }

    private func commit(_ lane: LaneID, _ token: String, _ serial: Int, _ events: [[UInt8]]) -> Commit {
        var commit = Commit(lane: lane, token: token, serial: serial, taking: events[...], lease: BareLoop.lease)
        if let next = shape.layout.stage(after: lane.stage) {
            let target = LaneID(stage: next, partition: lane.partition)
            if shape.isStandard, lane.stage == "validate" {
                let keyed = events.enumerated().map { index, event in
                    Commit.KeyedEvent(.key(Array("\(serial)-\(index)".utf8)), event)
                }
                commit.operations.append(.pushOnce(to: target, limit: 0, window: 600_000, keys: 200_000, keyed))
            } else {
                commit.operations.append(.push(to: target, limit: 0, events))
            }
        } else if shape.isStandard {
            commit.operations.append(.publish(publication(events, partition: lane.partition ?? 0, serial: serial)))
        }
        commit.operations.append(.count("out", events.count))
        return commit
    }

    /// Four channels for each event, as the default routes give: two that many share, two that hardly anyone does.
    private func publication(_ events: [[UInt8]], partition: Int, serial: Int) -> Commit.Publication {
        var publication = Commit.Publication(history: .standard, deadLetters: 10)
        publication.events = events
        publication.channels.append(("forum:bench", Array(events.indices)))
        let threads = BenchShape.conversations / BenchShape.partitions
        for thread in 0..<min(threads, events.count) {
            publication.channels.append(
                ("thread:\(partition)-\(thread)", Array(stride(from: thread, to: events.count, by: threads))))
        }
        let first = serial * BareLoop.batch
        for index in events.indices {
            publication.channels.append(("user:\((first + index) % 2000)", [index]))
            publication.channels.append(("post:\(partition)-\(first + index)", [index]))
        }
        return publication
    }
}
