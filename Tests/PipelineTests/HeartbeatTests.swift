import Pipeline
import TestSupport
import Testing

@Suite("heartbeats")
struct HeartbeatTests {
    @Test("a worker that slept past its lease is not sure of it until Redis takes a heartbeat that was sent afterwards")
    func slept() throws {
        let pool = try WorkerPool(stages: ["a": WorkerPool.pass])
        try pool.startAlone()
        // The clock of a machine that sleeps: it goes on.
        var now: Int64 = 5_000_000
        let beat = Heartbeat(
            on: pool.runner.loop, id: "w2", role: "worker", stages: ["a"], layout: pool.layout,
            connection: pool.redis.connection, lease: 10_000, clock: { now })
        #expect(!beat.isLeaseSure)
        beat.beat()
        #expect(!beat.isLeaseSure, "no answer yet")
        try pool.runner.run(within: 10, "the heartbeat is taken") { beat.isLeaseSure }
        now += 7999
        #expect(beat.isLeaseSure)
        now += 1
        #expect(!beat.isLeaseSure)
        now += 3_600_000
        beat.beat()
        // A heartbeat counts from when it was sent, not from when its answer came.
        now += 9000
        pool.runner.run(for: 0.2)
        #expect(!beat.isLeaseSure)
        beat.beat()
        try pool.runner.run(within: 10, "another one is taken") { beat.isLeaseSure }
    }
}
