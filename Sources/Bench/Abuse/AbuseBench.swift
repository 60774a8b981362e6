import Console
import Glibc
package import Logging
import Pipeline
import Redis
import Store
import Supervision

/// What strangers can do to a server with default limits, and what it costs: `tidings bench abuse`.
///
/// Each attack is carried out on a real edge and a real worker, behind a "proxy" that names the clients' addresses. What
/// it costs is the memory of all keys after it less that before it, by `MEMORY USAGE`.
package struct AbuseBench {
    /// Whether the figures are printed as JSON.
    package let json: Bool
    package let logger: Logger

    private static let layout = PipelineLayout(name: "abuse", partitions: 8, stages: BenchShape.standard.stages)
    private static let yaml = """
        pipeline: abuse
        edge: { proxies: [127.0.0.1] }
        """
    /// The longest time that one attack's events may take through the pipeline, in seconds.
    private static let patience = 120

    package init(json: Bool, logger: Logger) {
        self.json = json
        self.logger = logger
    }

    /// Carries out all attacks, and prints what they cost.
    package func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: logger)
        defer { server.stop() }
        let client = try server.client()
        let work = try BenchPool(["work", "--workers", "1"], yaml: Self.yaml, server: server, folder: folder)
        defer { work.stop() }
        try work.waitUntilSettled(Self.layout, workers: 1, client: client)
        let port = try LocalPort.unused()
        let edge = try BenchPool(
            ["edge", "--workers", "1", "--listen", "127.0.0.1:\(port)", "--drain", "0"], yaml: Self.yaml,
            server: server, folder: folder)
        defer { edge.stop() }
        let poster = AbuseClient(port: port)
        try waitUntilReady(poster)
        var costs: [AbuseCost] = []
        for (number, attack) in AbuseAttack.all.enumerated() {
            Terminal.progress("attack \(number + 1) of \(AbuseAttack.all.count): \(attack.name)")
            costs.append(try carryOut(attack, poster, client))
        }
        Terminal.clearProgress()
        Terminal.write(json ? AbuseCost.json(costs) : AbuseCost.table(costs))
    }

    private func waitUntilReady(_ poster: AbuseClient) throws {
        for _ in 0..<1000 {
            // A comment that is no attack also makes the keys that every first comment makes.
            if (try? poster.post(#"{"thread":"first","text":"x","forum":"f","author":{"id":"a"}}"#, from: nil)) == 202 {
                return
            }
            usleep(10_000)
        }
        throw CommandError("the edge did not take a comment within 10 s")
    }

    private func carryOut(_ attack: AbuseAttack, _ poster: AbuseClient, _ client: BlockingRedis) throws -> AbuseCost {
        try waitUntilIdle(client)
        let before = try memory(client)
        var cost = AbuseCost(attack: attack.name, limit: attack.limit)
        for request in attack.requests {
            let status = try poster.post(request.body, from: request.address)
            cost.answers[status, default: 0] += 1
            cost.sent += request.body.utf8.count
        }
        try waitUntilIdle(client)
        let after = try memory(client)
        (cost.memory, cost.keys) = (after.bytes - before.bytes, after.keys - before.keys)
        return cost
    }

    /// Until every queue is empty: an event leaves its queue when what becomes of it is written.
    private func waitUntilIdle(_ client: BlockingRedis) throws {
        for _ in 0..<Self.patience * 100 {
            let waiting = try Self.layout.lanes.reduce(0) { sum, lane in
                sum + (Int(try client.call("LLEN", Self.layout.queue(lane)).integer ?? 0))
            }
            if waiting == 0 { return }
            usleep(10_000)
        }
        throw CommandError("the events of an attack are not through the pipeline after \(Self.patience) s")
    }

    /// The memory of all keys but those of processes and lanes, which change by themselves.
    private func memory(_ client: BlockingRedis) throws -> (bytes: Int, keys: Int) {
        var (bytes, keys) = (0, 0)
        var cursor = "0"
        repeat {
            let answer = try client.call("SCAN", cursor, "COUNT", "1000").array ?? []
            guard answer.count == 2, let next = answer[0].text else {
                throw CommandError("Redis does not answer SCAN as expected")
            }
            for key in answer[1].array ?? [] {
                guard let key = key.text, !key.hasPrefix("abuse:proc"), !key.contains(":lane:") else { continue }
                bytes += Int(try client.call("MEMORY", "USAGE", key, "SAMPLES", "0").integer ?? 0)
                keys += 1
            }
            cursor = next
        } while cursor != "0"
        return (bytes, keys)
    }
}
