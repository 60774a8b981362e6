import Console
import Events
import Glibc
import JSON
package import Pipeline
import Redis
package import Store
import Supervision

/// One run of real worker processes over a backlog.
package struct BenchRun {
    package let shape: BenchShape
    package let server: BenchServer
    package let folder: BenchFolder
    package let workers: Int

    package init(shape: BenchShape, server: BenchServer, folder: BenchFolder, workers: Int) {
        self.shape = shape
        self.server = server
        self.folder = folder
        self.workers = workers
    }

    /// Gives events per second, from the first commit that is seen to the last.
    package func run(events count: Int) throws -> Double {
        let client = try server.client()
        _ = try client.call("FLUSHALL")
        try client.greet(shape.layout)
        try BenchRun.fill(client, shape.layout, shape.events(count))
        try folder.write(shape.yaml, to: "tidings.yaml")
        setenv("TIDINGS_REDIS", server.address.url, 1)
        setenv("TIDINGS_CONFIG", folder.path + "/tidings.yaml", 1)
        let children = ChildSpec.workers(workers, stages: [])
        var pids: [pid_t] = []
        defer { BenchRun.end(pids) }
        for child in children { pids.append(try child.spawn(child.launch(20_000))) }

        var first: (time: Int64, done: Int)?
        let deadline = Clock.monotonicMilliseconds() + 300_000
        while Clock.monotonicMilliseconds() < deadline {
            let done = try progress(client)
            let now = Clock.monotonicNanoseconds()
            // A tenth in, every worker is at work.
            if first == nil, done >= count * shape.stages.count / 10 { first = (now, done) }
            if done >= count * shape.stages.count, let first {
                let share = Double(done - first.done) / Double(shape.stages.count)
                return share / (Double(now - first.time) / 1e9)
            }
            client.pause(milliseconds: 5)
        }
        throw CommandError("the workers did not empty the queues within five minutes")
    }

    /// Events that a stage is through with, summed over the stages.
    private func progress(_ client: BlockingRedis) throws -> Int {
        var done = 0
        for partition in 0..<BenchShape.partitions {
            for stage in shape.stages {
                let lane = shape.layout.lane(LaneID(stage: stage, partition: partition))
                let counters = try client.call("HMGET", lane, "out", "dropped", "held", "dead")
                done += (counters.array ?? []).reduce(0) { $0 + Int($1.integer ?? 0) }
            }
        }
        return done
    }

    package static func fill(_ client: BlockingRedis, _ layout: PipelineLayout, _ events: [Int: [[UInt8]]]) throws {
        var limits = PipelineLimits()
        limits.queueEvents = 0
        let enqueuer = Enqueuer(layout: layout, limits: limits, connection: client.connection)
        for (partition, all) in events {
            for start in stride(from: 0, to: all.count, by: 1000) {
                let batch = [partition: Array(all[start..<min(start + 1000, all.count)])]
                try client.wait { enqueuer.enqueue(batch, completion: $0) }
            }
        }
    }

    private static func end(_ pids: [pid_t]) {
        for pid in pids { kill(pid, SIGTERM) }
        for pid in pids {
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}

/// What is measured: a pipeline, and the events that go through it.
package struct BenchShape {
    package let name: String
    package let isStandard: Bool
    /// The configuration that the workers read.
    package let yaml: String
    package let stages: [String]

    package static let partitions = 8
    /// Conversations that the events belong to.
    package static let conversations = 500

    package static let threeStages = BenchShape(
        name: "three pass-through", isStandard: false,
        yaml: """
            pipeline: bench3
            stages: [ { one: { pass: true } }, { two: { pass: true } }, { three: { pass: true } } ]
            """,
        stages: ["one", "two", "three"])

    package static let standard = BenchShape(
        name: "default pipeline", isStandard: true,
        yaml: """
            pipeline: bench5
            stages: [ validate, { moderate: { author_rate: 1000000/min } }, format, route, publish ]
            """,
        stages: ["validate", "moderate", "format", "route", "publish"])

    package var layout: PipelineLayout {
        PipelineLayout(name: isStandard ? "bench5" : "bench3", partitions: BenchShape.partitions, stages: stages)
    }

    /// The events of a run, by partition: comments of about 400 bytes, in conversations.
    package func events(_ count: Int, from first: Int = 0) -> [Int: [[UInt8]]] {
        var result: [Int: [[UInt8]]] = [:]
        let text = String(repeating: "a comment as people write them, with a few words more, ", count: 3)
        for index in first..<first + count {
            let thread = "t\(index % BenchShape.conversations)"
            let event = """
                {"event_id":"\(index)","id":"c-\(index)","type":"comment.created","thread":"\(thread)","forum":"bench",\
                "author":{"id":\(index % 2000),"name":"reader-\(index % 2000)","email":"r@example.org"},\
                "text":"\(text)","created_at":"2013-11-07T06:20:48Z","ip":"198.51.100.2"}
                """
            result[layout.partition(of: thread), default: []].append(Array(event.utf8))
        }
        return result
    }
}

/// The two figures of one pair of runs, in events per second.
package struct BenchFigure {
    package let shape: String
    package let workers: Double
    package let bare: Double

    package init(shape: String, workers: Double, bare: Double) {
        self.shape = shape
        self.workers = workers
        self.bare = bare
    }

    package static func table(_ figures: [BenchFigure], workers: Int) -> String {
        var lines = [
            Text.left("pipeline", 24) + Text.right("\(workers) workers", 14) + Text.right("bare loop", 14)
                + Text.right("ratio", 9) + "   (events/s)"
        ]
        for figure in figures {
            lines.append(
                Text.left(figure.shape, 24) + Text.right(Text.grouped(Int(figure.workers)), 14)
                    + Text.right(Text.grouped(Int(figure.bare)), 14)
                    + Text.right(hundredths(figure.workers / figure.bare), 9))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package static func json(_ figures: [BenchFigure]) -> String {
        let rows = figures.map { figure in
            var object = JSONObject()
            object["pipeline"] = .string(figure.shape)
            object["workers_events_per_s"] = .double(figure.workers.rounded())
            object["bare_events_per_s"] = .double(figure.bare.rounded())
            return JSON.object(object)
        }
        return JSON.array(rows).text + "\n"
    }

    private static func hundredths(_ number: Double) -> String {
        "\((number * 100).rounded() / 100)"
    }
}
