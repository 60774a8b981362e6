import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// A worker whose process stands still, as after SIGSTOP or on a frozen host: its loop is not run.
@Suite("a worker that stands still")
struct TroubleStoppedWorkerTests {
    @Test("a worker that stood still past its lease is fenced, harms nothing, and takes lanes again")
    func fenced() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        pool.limits.lease = 1000
        pool.limits.batchEvents = 16
        let address = try RedisAddress(url: pool.server.url)
        let other = try LoopRunner()
        let sleeper = Worker(
            on: other.loop,
            options: WorkerOptions(
                id: "sleeper", layout: pool.layout, limits: pool.limits, redis: address, stages: pool.stages),
            logger: .silent)
        sleeper.start()
        try other.run(within: 10, "the sleeper has every lane") {
            try pool.owners().allSatisfy { $0 == "sleeper" }
        }
        try pool.push(0..<1000, threads: 2)
        // It stops somewhere in the stream, with batches in hand and commits on their way.
        other.run(for: 0.02)
        try pool.start("w1")
        // The other one looks when it has heard nothing from it for 5 s, at its next heartbeat, or at the end of the lease.
        try pool.runner.run(within: 8, "the lease is over and the other has the lanes") {
            try pool.owners().allSatisfy { $0 == "w1" }
        }
        try pool.push(1000..<1200, threads: 2)
        for thread in 0..<2 { try pool.published(600, thread: thread) }

        // It goes on: whatever it sends first carries a token of old.
        other.run(for: 0.1)
        try pool.push(1200..<1400, threads: 2)
        let half = pool.layout.lanes.count / 2
        try pool.runner.run(within: 10, "both have lanes") {
            other.run(for: 0.005)
            return try pool.owners().filter { $0 == "sleeper" }.count >= half
        }
        for thread in 0..<2 {
            try pool.runner.run(within: 10, "all are out") {
                other.run(for: 0.005)
                return try pool.published(thread: thread).count == 700
            }
            #expect(try pool.published(thread: thread) == Array(stride(from: thread, to: 1400, by: 2)))
        }
        try pool.expectBalance()
        sleeper.stop {}
        other.run(for: 0.1)
    }
}
