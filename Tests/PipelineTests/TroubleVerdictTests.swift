import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// Workers behind lines that are slow, die and are cut whenever they have an event in hand. Nobody dies.
@Suite("verdicts on a bad network")
struct TroubleVerdictTests {
    private static let ids = ["w0", "w1", "w2"]

    @Test("no event that would have gone through becomes a dead letter", arguments: [nil, 7, 13])
    func innocents(_ seed: UInt64?) throws {
        var generator = SplitMix64(seed: seed)
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        pool.limits.lease = 1000
        pool.limits.batchEvents = 4
        // One worker has the event, and the two others are lost: never as many as it takes.
        pool.limits.unexplainedLosses = Self.ids.count
        let proxies = try Self.ids.map { _ in try SlowProxy(to: pool.server.socket) }
        var busy: Int?
        let workers = try Self.ids.indices.map { index in
            var options = WorkerOptions(
                id: Self.ids[index], layout: pool.layout, limits: pool.limits,
                redis: try RedisAddress(url: proxies[index].url), stages: pool.stages)
            options.deadlines = RedisDeadlines(connect: 300, command: 400)
            options.stages["a"] = {
                LastingStage { _ in
                    busy = index
                    return 150
                }
            }
            return Worker(on: pool.runner.loop, options: options, logger: .silent)
        }
        for worker in workers { worker.start() }
        try pool.push(0..<16, threads: 2)

        var cuts = 0
        // When each line is well again.
        var healing = [Deadline?](repeating: nil, count: proxies.count)
        let trouble = Deadline(in: 15)
        while !trouble.isOver {
            let patience = Deadline(in: Double.random(in: 0.5...3, using: &generator))
            while busy == nil, !patience.isOver {
                pool.runner.run(for: 0.01)
                try pool.nudge()
                for index in proxies.indices where healing[index]?.isOver == true {
                    proxies[index].set(SlowProxy.Line())
                    healing[index] = nil
                }
            }
            // Mostly the line of the worker that has an event in hand.
            let line = busy ?? Int.random(in: 0..<proxies.count, using: &generator)
            busy = nil
            cuts += 1
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: proxies[line].set(SlowProxy.Line(delay: Double.random(in: 0.05...0.35, using: &generator)))
            case 1: proxies[line].end(.reset)
            case 2: proxies[line].cut(afterReplyBytes: Int.random(in: 1...200, using: &generator))
            default: proxies[line].set(SlowProxy.Line(isDead: true))
            }
            healing[line] = Deadline(in: Double.random(in: 0.3...3, using: &generator))
        }
        for proxy in proxies { proxy.set(SlowProxy.Line()) }

        let note = "seed \(generator.seed), \(cuts) cuts"
        for thread in 0..<2 {
            try pool.runner.run(within: 30, "thread \(thread) is published, \(note)") {
                try pool.published(thread: thread).count >= 8
            }
            #expect(try pool.published(thread: thread) == Array(stride(from: thread, to: 16, by: 2)), "\(note)")
        }
        for key in ["t:dead:incoming", "{t.0}:dead:a", "{t.0}:dead:b"] {
            #expect(try pool.redis.ask("LRANGE", key, "0", "-1").line == "[]", "\(note)")
        }
        #expect(cuts > 5, "\(note)")
        try pool.expectBalance(note)
        for worker in workers { worker.stop {} }
        pool.runner.run(for: 0.1)
    }
}
