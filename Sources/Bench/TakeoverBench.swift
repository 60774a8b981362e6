import Console
import Events
import Glibc
import JSON
package import Logging
import Pipeline
import Redis
import Store

/// How long conversations stand still when the worker that serves them is killed: `tidings bench takeover`.
package struct TakeoverBench {
    /// Workers killed, one at a time.
    package let kills: Int
    package let workers: Int
    /// Whether the figures are printed as JSON.
    package let json: Bool
    package let logger: Logger

    package init(kills: Int, workers: Int, json: Bool, logger: Logger) {
        self.kills = kills
        self.workers = workers
        self.json = json
        self.logger = logger
    }

    /// A pool is renewed after so many kills: the wait before a restart doubles with each death in a row.
    private static let killsPerPool = 6

    /// Measures, and prints the figures.
    package func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: logger)
        defer { server.stop() }
        let shape = BenchShape.standard
        let client = try server.client()
        var probe = PartitionProbe(shape: shape, client: client)
        var calm: [Double] = []
        var killed: [Double] = []
        while killed.count < kills {
            let pool = try BenchPool(
                ["work", "--workers", String(workers)], yaml: shape.yaml, server: server, folder: folder)
            defer { pool.stop() }
            for _ in 0..<min(TakeoverBench.killsPerPool, kills - killed.count) {
                try pool.waitUntilSettled(shape.layout, workers: workers, client: client)
                calm.append(try probe.measure {})
                guard let victim = pool.children.randomElement() else { throw CommandError("no worker runs") }
                killed.append(try probe.measure { kill(victim, SIGKILL) })
                Terminal.progress("\(killed.count) of \(kills) kills, the last: \(Spread.tenth(killed.last ?? 0)) ms")
            }
        }
        Terminal.clearProgress()
        report(calm: Spread(calm), killed: Spread(killed))
    }

    private func report(calm: Spread, killed: Spread) {
        if json {
            var object = JSONObject()
            object["at_peace_ms"] = calm.json
            object["after_kill_ms"] = killed.json
            return Terminal.write(JSON.object(object).text + "\n")
        }
        func line(_ name: String, _ spread: Spread) -> String {
            Text.left(name, 24)
                + [spread.median, spread.percentile(95), spread.worst]
                .map { Text.right("\(Spread.tenth($0))", 10) }.joined() + "\n"
        }
        Terminal.write(
            Text.left("all partitions, ms", 24) + ["median", "p95", "worst"].map { Text.right($0, 10) }.joined() + "\n"
                + line("at peace", calm) + line("after kill -9", killed))
    }
}

/// Measures how long one event in each partition takes from the door to its feed.
private struct PartitionProbe {
    let shape: BenchShape
    let client: BlockingRedis
    /// A conversation in each partition.
    private let threads: [String]
    private var turn = 0

    init(shape: BenchShape, client: BlockingRedis) {
        self.shape = shape
        self.client = client
        var found: [Int: String] = [:]
        var number = 0
        while found.count < BenchShape.partitions {
            found[shape.layout.partition(of: "probe\(number)")] = "probe\(number)"
            number += 1
        }
        threads = (0..<BenchShape.partitions).compactMap { found[$0] }
    }

    /// Does something, then gives the milliseconds from there until every partition has published a new event.
    mutating func measure(_ fault: () -> Void) throws -> Double {
        turn += 1
        let goal = Int64(turn)
        fault()
        let start = Clock.monotonicNanoseconds()
        for (partition, thread) in threads.enumerated() {
            let door = shape.layout.queue(LaneID(stage: LaneID.incoming, partition: partition))
            _ = try client.call("RPUSH", door, #"{"thread":"\#(thread)","text":"probe \#(turn)"}"#)
        }
        while true {
            let counts = try client.call(
                RedisCommand(words: ["MGET"] + threads.map { "feed.publishes:{thread:\($0)}" }))
            let published = (counts.array ?? []).map { $0.text.flatMap { Int64($0) } ?? 0 }
            let elapsed = Double(Clock.monotonicNanoseconds() - start) / 1e6
            if published.count == threads.count, published.allSatisfy({ $0 >= goal }) { return elapsed }
            if elapsed > 120_000 { throw CommandError("partitions stood still for two minutes: \(published)") }
            usleep(200)
        }
    }
}
