import Redis
import TestSupport
import Testing

@testable import Pipeline

/// What every kind of trouble is measured by: a stream of events that is in full flow when it begins.
extension WorkerPool {
    /// A pool of three stages that takes small batches, so that trouble finds it in the middle of many.
    static func inTrouble(appendOnly: RedisServer.AppendOnly = .no) throws -> WorkerPool {
        let pool = try WorkerPool(
            stages: ["a": WorkerPool.pass, "b": WorkerPool.pass, "c": WorkerPool.publisher], appendOnly: appendOnly)
        pool.limits.batchEvents = 16
        return pool
    }

    /// Has events flow, makes trouble in the middle of them, and expects, once it is over, all of them and later ones to
    /// come out once, in order, through the same workers.
    ///
    /// - Parameters:
    ///   - seconds: how long the workers may take to have everything out, from the trouble's end.
    ///   - trouble: makes it, lets it last, and ends it.
    func expectRecovery(within seconds: Double, from trouble: () throws -> Void) throws {
        try push(0..<1200, threads: 3)
        runner.run(for: 0.01)
        try trouble()
        try redis.reconnected()
        try push(1200..<1500, threads: 3)
        for thread in 0..<3 {
            try published(500, thread: thread, within: seconds)
            #expect(try published(thread: thread) == Array(stride(from: thread, to: 1500, by: 3)))
        }
        try expectBalance()
    }

    /// Lets trouble last, and expects that nothing comes out meanwhile: it is real.
    func standStill(for seconds: Double) throws {
        runner.run(for: 0.1)
        let before = try server.cli("ZCARD", "feed.ids:{thread:0}")
        runner.run(for: seconds)
        #expect(try server.cli("ZCARD", "feed.ids:{thread:0}") == before)
    }

    /// Starts a worker that reaches the server another way, and waits until it has every lane.
    func startAlone(
        _ id: String, over address: RedisAddress, deadlines: RedisDeadlines = RedisDeadlines(),
        housekeepingInterval: Int64 = 5000
    ) throws -> Worker {
        var options = WorkerOptions(id: id, layout: layout, limits: limits, redis: address, stages: stages)
        options.deadlines = deadlines
        options.housekeepingInterval = housekeepingInterval
        let worker = Worker(on: runner.loop, options: options, logger: .silent)
        worker.start()
        try runner.run(within: 15, "\(id) has every lane") { try owners().allSatisfy { $0 == id } }
        return worker
    }
}
