import ArgumentParser
import Bench
import Console
import Events
import Glibc
import JSON
import Pipeline
import Redis

/// `tidings bench takeover`: how long conversations stand still when the worker that serves them is killed.
struct BenchTakeover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover",
        abstract: "Time from kill -9 of a worker until every partition publishes again.",
        discussion: """
            Starts a redis-server of its own and a pool of workers. Each turn pushes one event into the door of each \
            partition and waits until all are published: once with the pool at peace, once right after kill -9 of a \
            worker. Every partition has lanes of every worker, so all of them are hit by each kill.

            Example:
              tidings bench takeover --kills 50
            """)

    @OptionGroup var options: GlobalOptions

    @Option(name: .long, help: "Workers killed, one at a time.")
    var kills = 50

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Flag(name: .long, help: "Print the figures as JSON, in milliseconds.")
    var json = false

    /// A pool is renewed after so many kills: the wait before a restart doubles with each death in a row.
    private static let killsPerPool = 6

    func validate() throws {
        guard (1...10_000).contains(kills) else { throw ValidationError("--kills takes 1 to 10000") }
        guard (2...64).contains(workers) else {
            throw ValidationError("--workers takes 2 to 64")
        }
    }

    func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: options.logger("bench"))
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
            for _ in 0..<min(BenchTakeover.killsPerPool, kills - killed.count) {
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
