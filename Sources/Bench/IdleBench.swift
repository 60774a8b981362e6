import Console
import Events
import Glibc
import JSON
package import Logging
import Pipeline
import Redis
import Store

/// What pools cost that have nothing to do: `tidings bench idle`.
package struct IdleBench {
    /// How long to watch.
    package let seconds: Int
    package let workers: Int
    /// Edge processes; 0: none.
    package let edges: Int
    /// Whether the figures are printed as JSON.
    package let json: Bool
    package let logger: Logger

    package init(seconds: Int, workers: Int, edges: Int, json: Bool, logger: Logger) {
        self.seconds = seconds
        self.workers = workers
        self.edges = edges
        self.json = json
        self.logger = logger
    }

    /// Measures, and prints the figures.
    package func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: logger)
        defer { server.stop() }
        let shape = BenchShape.standard
        let client = try server.client()
        var pools = [
            try BenchPool(["work", "--workers", String(workers)], yaml: shape.yaml, server: server, folder: folder)
        ]
        defer { for pool in pools { pool.stop() } }
        try pools[0].waitUntilSettled(shape.layout, workers: workers, client: client)
        if edges > 0 {
            pools.append(
                try BenchPool(
                    ["edge", "--workers", String(edges), "--listen", "127.0.0.1:0", "--drain", "0"], yaml: shape.yaml,
                    server: server, folder: folder))
        }
        usleep(5_000_000)

        let processes = pools.flatMap { [$0.pid] + $0.children }
        let before = (use(processes), try commands(client))
        let start = Clock.monotonicNanoseconds()
        for second in 0..<seconds {
            Terminal.progress("\(second) of \(seconds) s")
            usleep(1_000_000)
        }
        Terminal.clearProgress()
        let time = Double(Clock.monotonicNanoseconds() - start) / 1e9
        // This look at the server is one of them.
        let asked = Double(try commands(client) - before.1 - 1) / time
        let used = (use(processes).reduce(0) { $0 + $1.seconds } - before.0.reduce(0) { $0 + $1.seconds }) / time
        report(commands: asked, core: used * 100, memory: use(processes).map(\.privateKilobytes))
    }

    private func use(_ processes: [pid_t]) -> [ProcessUse] { processes.compactMap(ProcessUse.init(of:)) }

    private func commands(_ client: BlockingRedis) throws -> Int {
        let text = try client.call("INFO", "commandstats").text ?? ""
        return text.split(whereSeparator: \.isNewline).reduce(0) { sum, line in
            guard line.hasPrefix("cmdstat_"), let range = line.firstRange(of: "calls=") else { return sum }
            return sum + (Int(line[range.upperBound...].prefix { $0.isNumber }) ?? 0)
        }
    }

    private func report(commands: Double, core: Double, memory: [Int]) {
        if json {
            var object = JSONObject()
            object["redis_commands_per_s"] = .double(Spread.tenth(commands))
            object["core_percent"] = .double((core * 100).rounded() / 100)
            object["private_kb"] = .array(memory.map { .int(Int64($0)) })
            return Terminal.write(JSON.object(object).text + "\n")
        }
        Terminal.write(
            """
            redis commands/s            \(Spread.tenth(commands))
            processor, % of a core      \((core * 100).rounded() / 100)
            private memory, KiB         \(memory.map(String.init).joined(separator: " "))

            """)
    }
}
