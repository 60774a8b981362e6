import Console
import Events
package import Pipeline
import Redis

/// The floor to measure against: one process that issues the Redis calls of a pipeline, in the same batches, and does
/// nothing else. It parses no event, makes no decision, and has one batch under way at a time.
package struct BareLoop {
    package let shape: BenchShape
    package let client: BlockingRedis

    package init(shape: BenchShape, client: BlockingRedis) {
        self.shape = shape
        self.client = client
    }

    private static let batch = 512

    /// Gives events per second from the first stage to the end of the last.
    package func run(events count: Int) throws -> Double {
        _ = try client.call("FLUSHALL")
        try client.greet(shape.layout)
        let events = shape.events(count)
        try BenchRun.fill(client, shape.layout, events)
        let start = Clock.monotonicNanoseconds()
        var tokens: [LaneID: String] = [:]
        for partition in 0..<BenchShape.partitions {
            for stage in shape.stages {
                let lane = LaneID(stage: stage, partition: partition)
                let reply = try client.call(
                    "FCALL", "tidings_claim", "2", shape.layout.lane(lane), shape.layout.queue(lane),
                    shape.layout.name, "bare", "600000")
                tokens[lane] = reply.array?[1].text ?? ""
            }
        }
        for stage in shape.stages {
            for partition in 0..<BenchShape.partitions {
                let lane = LaneID(stage: stage, partition: partition)
                try drain(lane, token: tokens[lane] ?? "")
            }
        }
        return Double(count) / (Double(Clock.monotonicNanoseconds() - start) / 1e9)
    }

    private func drain(_ lane: LaneID, token: String) throws {
        let queue = shape.layout.queue(lane)
        let peek = RedisCommand("LRANGE", queue, "0", String(BareLoop.batch - 1))
        var events = (try client.call(peek)).array?.compactMap(\.bytes) ?? []
        var serial = 0
        while !events.isEmpty {
            serial += 1
            let commit = command(lane, queue, token, serial, events)
            // The next peek travels with the commit, as in a worker.
            var next: Result<RedisValue, RedisError>?
            let reply: RedisValue = try client.wait { done in
                client.connection.send(commit, reply: done)
                client.connection.send(peek) { next = $0 }
            }
            guard reply.array?.first?.text == "OK" else {
                throw CommandError("the bare loop's commit was refused: \(reply)")
            }
            while next == nil { client.loop.runOnce(wait: true) }
            events = try next?.get().array?.compactMap(\.bytes) ?? []
        }
    }

    private func command(
        _ lane: LaneID, _ queue: String, _ token: String, _ serial: Int, _ events: [[UInt8]]
    ) -> RedisCommand {
        var command = RedisCommand("FCALL", "tidings_commit", "2", shape.layout.lane(lane), queue, token)
        command.append(serial)
        command.append(events.count)
        command.append(events[0])
        command.append(events.count > 1 ? events[events.count - 1] : [])
        command.append(600_000)
        if let next = shape.layout.stage(after: lane.stage) {
            let target = LaneID(stage: next, partition: lane.partition)
            let once = shape.isStandard && lane.stage == "validate"
            command.append(once ? "once" : "push")
            command.append(shape.layout.queue(target))
            command.append(shape.layout.lane(target))
            command.append(0)
            if once {
                command.append(shape.layout.seen(lane.partition))
                command.append(600_000)
                command.append(200_000)
            }
            command.append(events.count)
            for (index, event) in events.enumerated() {
                if once { command.append("\(serial)-\(index)") }
                command.append(event)
            }
        } else if shape.isStandard {
            feeds(events, partition: lane.partition ?? 0, serial: serial, to: &command)
        }
        command.append("count")
        command.append("out")
        command.append(events.count)
        return command
    }

    /// Four channels for each event, as the default routes give: two that many share, two that hardly anyone does.
    private func feeds(_ events: [[UInt8]], partition: Int, serial: Int, to command: inout RedisCommand) {
        command.append("feeds")
        command.append(100)
        command.append(604_800_000)
        command.append("bench:dead")
        command.append(10)
        command.append(events.count)
        for event in events { command.append(event) }
        let threads = BenchShape.conversations / BenchShape.partitions
        var channels: [(String, [Int])] = [("forum:bench", Array(1...events.count))]
        for thread in 0..<min(threads, events.count) {
            channels.append(
                ("thread:\(partition)-\(thread)", Array(stride(from: thread + 1, through: events.count, by: threads))))
        }
        let first = serial * BareLoop.batch
        for index in 1...events.count {
            channels.append(("user:\((first + index) % 2000)", [index]))
            channels.append(("post:\(partition)-\(first + index)", [index]))
        }
        command.append(channels.count)
        for (name, indexes) in channels {
            command.append(name)
            command.append(indexes.count)
            for index in indexes { command.append(index) }
        }
    }
}
