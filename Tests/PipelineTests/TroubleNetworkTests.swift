import Pipeline
import Redis
import TestSupport
import Testing

/// Lines that are slow, dead, or cut in the wrong place.
@Suite("a bad line to Redis")
struct TroubleNetworkTests {
    private static let quick = RedisDeadlines(connect: 300, command: 400)

    private let pool: WorkerPool
    private let proxy: SlowProxy

    init() throws {
        pool = try WorkerPool.inTrouble()
        proxy = try SlowProxy(to: pool.server.socket)
    }

    private func startWorker(_ deadlines: RedisDeadlines = RedisDeadlines()) throws -> Worker {
        try pool.startAlone("w1", over: try RedisAddress(url: proxy.url), deadlines: deadlines)
    }

    @Test("a line with 200 ms each way slows the stream down, and no more")
    func delay() throws {
        pool.limits.batchEvents = 512
        let worker = try startWorker()
        let connections = proxy.accepted
        proxy.set(SlowProxy.Line(delay: 0.2))
        try pool.push(0..<500)
        try pool.published(500, within: 15)
        #expect(try pool.published() == Array(0..<500))
        #expect(proxy.accepted == connections)
        proxy.set(SlowProxy.Line())
        worker.stop {}
    }

    @Test("a narrow line is borne, also where a batch takes longer than the deadline: it is slow, not silent")
    func narrow() throws {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.publisher])
        let proxy = try SlowProxy(to: pool.server.socket)
        let worker = try pool.startAlone(
            "w1", over: try RedisAddress(url: proxy.url), deadlines: RedisDeadlines(command: 1000))
        let connections = proxy.accepted
        proxy.set(SlowProxy.Line(bandwidth: 10_000))
        let filler = String(repeating: "x", count: 1000)
        let events = (0..<20).map { #"{"thread":"0","n":\#($0),"text":"\#(filler)"}"# }
        try pool.redis.ask(words: ["RPUSH", "{t.0}:queue:a"] + events)
        try pool.published(20, within: 15)
        #expect(try pool.published() == Array(0..<20))
        #expect(proxy.accepted == connections)
        proxy.set(SlowProxy.Line())
        worker.stop {}
    }

    @Test("a line that dies without a word is left after the deadline; what arrives late does nothing twice")
    func halfOpen() throws {
        let worker = try startWorker(Self.quick)
        let connections = proxy.accepted
        try pool.expectRecovery(within: 6) {
            proxy.set(SlowProxy.Line(isDead: true))
            pool.runner.run(for: 1.2)
            proxy.set(SlowProxy.Line())
        }
        #expect(proxy.accepted > connections)
        worker.stop {}
    }

    @Test("a server that takes no connection for a while is found again")
    func refused() throws {
        let worker = try startWorker(Self.quick)
        try pool.expectRecovery(within: 5) {
            proxy.set(SlowProxy.Line(isShut: true))
            proxy.end(.close)
            try pool.standStill(for: 0.5)
            proxy.set(SlowProxy.Line())
        }
        worker.stop {}
    }

    @Test("connections that are reset in full flow lose and double nothing")
    func reset() throws {
        let worker = try startWorker()
        try pool.expectRecovery(within: 5) {
            for _ in 0..<6 {
                proxy.end(.reset)
                pool.runner.run(for: 0.08)
            }
        }
        worker.stop {}
    }

    @Test("connections that are cut in the middle of a reply lose and double nothing")
    func cut() throws {
        var generator = SplitMix64()
        let worker = try startWorker()
        for round in 0..<10 {
            try pool.push(round * 200..<(round + 1) * 200, threads: 2)
            proxy.cut(afterReplyBytes: Int.random(in: 1...3000, using: &generator))
            pool.runner.run(for: 0.05)
        }
        for thread in 0..<2 {
            try pool.published(1000, thread: thread, within: 5)
            let expected = Array(stride(from: thread, to: 2000, by: 2))
            #expect(try pool.published(thread: thread) == expected, "seed \(generator.seed)")
        }
        try pool.expectBalance("seed \(generator.seed)")
        worker.stop {}
    }
}
