import Console
import Events
import Glibc
package import Logging
package import Pipeline
import Redis
package import Store
import Supervision

/// A `tidings` program that is measured, with a Redis of its own: two programs never share one function library.
package final class BenchSubject {
    package let program: String
    package let server: BenchServer
    let folder: BenchFolder
    package let isThisProgram: Bool

    /// - Parameter program: the path of another `tidings` binary; nil: this one.
    package init(program: String? = nil, logger: Logger) throws {
        self.program = program ?? Subprocess.ownPath
        isThisProgram = program == nil
        folder = try BenchFolder()
        do {
            server = try BenchServer(folder: folder, logger: logger)
        } catch {
            folder.remove()
            throw error
        }
    }

    /// A connection to its Redis. The functions are loaded by the program's own processes, where it is another one.
    package func client() throws -> BlockingRedis {
        try server.client(loadsFunctions: isThisProgram)
    }

    /// Starts a pool of workers of this program.
    func workers(_ count: Int, yaml: String) throws -> BenchPool {
        try BenchPool(
            ["work", "--workers", String(count)], yaml: yaml, server: server, folder: folder, program: program)
    }

    package func stop() {
        server.stop()
        folder.remove()
    }
}

/// How fast a number of events went through, and what they cost Redis.
package struct BenchResult {
    package let eventsPerSecond: Double
    package let cost: RedisCost
}

/// One run of real worker processes over a backlog.
package struct BenchRun {
    package let shape: BenchShape
    package let subject: BenchSubject
    package let input: BenchInput
    package let workers: Int
    private let logsCalls: Bool

    /// - Parameter logsCalls: whether Redis logs every call; see ``RedisMeter``.
    package init(
        shape: BenchShape, subject: BenchSubject, input: BenchInput, workers: Int, logsCalls: Bool = false
    ) {
        self.logsCalls = logsCalls
        self.shape = shape
        self.subject = subject
        self.input = input
        self.workers = workers
    }

    /// The rate is measured from a tenth of the work, when every worker is at it, to the end; the cost over all of it.
    package func run(events count: Int) throws -> BenchResult {
        var meter = try RedisMeter(emptying: subject.client(), logsCalls: logsCalls)
        var source = input.source()
        try BenchRun.fill(subject.client(), shape.layout, source.next(count, for: shape.layout))
        try meter.begin()
        let drained = try drain(count) { try meter.stop() }
        return BenchResult(
            eventsPerSecond: drained.rate, cost: try meter.cost(events: count, looks: ["hmget": drained.looks]))
    }

    /// Runs workers until the queues are empty.
    ///
    /// - Parameter done: called at that moment, before the workers end.
    /// - Returns: events per second, and how many `HMGET` this took itself.
    private func drain(_ count: Int, done: () throws -> Void) throws -> (rate: Double, looks: Int) {
        let client = try subject.client()
        let progress = BenchProgress(shape)
        let pool = try subject.workers(workers, yaml: shape.yaml)
        defer { pool.stop() }
        let start = Clock.monotonicNanoseconds()
        let whole = count * shape.stages.count
        var first: (time: Int64, done: Int)?
        var looks = 0
        while true {
            let passed = try progress.look(client)
            looks += progress.commands
            let now = Clock.monotonicNanoseconds()
            if passed >= whole {
                try done()
                let from = first ?? (start, 0)
                let share = Double(passed - from.done) / Double(shape.stages.count)
                return (share / (Double(max(1, now - from.time)) / 1e9), looks)
            }
            if first == nil, passed >= whole / 10 { first = (now, passed) }
            guard now - start < 300_000_000_000 else {
                throw CommandError("the workers did not empty the queues within five minutes")
            }
            try pool.checkThatItRuns()
            client.pause(milliseconds: BenchProgress.pause(done: passed, of: whole, since: first, now: now))
        }
    }

    /// Puts events into the first queues of their partitions, as any program may.
    package static func fill(_ client: BlockingRedis, _ layout: PipelineLayout, _ events: [Int: [[UInt8]]]) throws {
        for (partition, all) in events {
            let queue = layout.queue(LaneID(stage: layout.stages[0], partition: partition))
            for start in stride(from: 0, to: all.count, by: 1000) {
                var push = RedisCommand("RPUSH", queue)
                for event in all[start..<min(start + 1000, all.count)] { push.append(event) }
                _ = try client.call(push)
            }
        }
    }
}

/// How far the lanes of a pipeline are, by their counters.
struct BenchProgress {
    private let shape: BenchShape

    init(_ shape: BenchShape) {
        self.shape = shape
    }

    /// How many commands a look sends: `HMGET`.
    var commands: Int { BenchShape.partitions * shape.stages.count }

    /// Passages of events through stages. An event that ended early counts for the stages that it will not reach.
    func look(_ client: BlockingRedis) throws -> Int {
        var commands: [RedisCommand] = []
        for stage in shape.stages {
            for partition in 0..<BenchShape.partitions {
                let lane = shape.layout.lane(LaneID(stage: stage, partition: partition))
                commands.append(RedisCommand("HMGET", lane, "out", "dropped", "held", "dead"))
            }
        }
        var done = 0
        for (index, result) in try client.results(of: commands).enumerated() {
            let counts = (try result.get().array ?? []).map { Int($0.integer ?? 0) }
            let left = shape.stages.count - index / BenchShape.partitions
            done += (counts.first ?? 0) + counts.dropFirst().reduce(0, +) * left
        }
        return done
    }

    /// How long to wait until the next look, in milliseconds: looks take time of Redis, so there are many only near the
    /// end.
    static func pause(done: Int, of whole: Int, since first: (time: Int64, done: Int)?, now: Int64) -> Int64 {
        guard let first, done > first.done else { return 10 }
        let left = Double(now - first.time) / 1e6 * Double(whole - done) / Double(done - first.done)
        return min(200, max(2, Int64(left / 4)))
    }
}
