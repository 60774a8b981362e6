import Console
import Events
import Glibc
import JSON
package import Pipeline
import Redis
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
        let places = ProcessPool.workers(workers, stages: [])
        var pids: [pid_t] = []
        defer { BenchRun.end(pids) }
        for place in places { pids.append(try Subprocess.spawn(place.arguments())) }

        var first: (time: Int64, done: Int)?
        let patience = Clock.monotonicMilliseconds() + 300_000
        while Clock.monotonicMilliseconds() < patience {
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
