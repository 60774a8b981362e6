import Console
import Glibc
import JSON
package import Logging
import Pipeline
import Redis
import Store

/// A worker's memory at rest, before and after many events: `tidings bench memory`.
package struct MemoryBench {
    /// Events in all.
    package let events: Int
    package let workers: Int
    /// Whether the figures are printed as JSON.
    package let json: Bool
    package let logger: Logger

    private static let backlog = 200_000

    package init(events: Int, workers: Int, json: Bool, logger: Logger) {
        self.events = events
        self.workers = workers
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
        // A channel for each comment would fill Redis, which is not what is measured.
        let yaml = shape.yaml.replacing(
            "route,", with: "{ route: { channels: ['thread:{thread}', 'forum:{forum}'] } },")
        let pool = try BenchPool(["work", "--workers", String(workers)], yaml: yaml, server: server, folder: folder)
        defer { pool.stop() }
        try pool.waitUntilSettled(shape.layout, workers: workers, client: client)
        usleep(1_000_000)
        let processes = pool.children
        let atRest = processes.compactMap(ProcessUse.init(of:))
        var peak = atRest.map(\.privateKilobytes)
        var source = WorstComments()
        var done = 0
        while done < events {
            let count = min(MemoryBench.backlog, events - done)
            try BenchRun.fill(client, shape.layout, source.next(count, for: shape.layout))
            done += count
            while try published(client, shape) < done {
                for (index, process) in processes.enumerated() {
                    guard let use = ProcessUse(of: process) else { throw CommandError("a worker died") }
                    peak[index] = max(peak[index], use.privateKilobytes)
                }
                Terminal.progress("\(Text.grouped(try published(client, shape))) of \(Text.grouped(events)) events")
                usleep(50_000)
            }
        }
        Terminal.clearProgress()
        usleep(1_000_000)
        report(atRest, peak, processes.compactMap(ProcessUse.init(of:)))
    }

    /// Events that have left the last stage.
    private func published(_ client: BlockingRedis, _ shape: BenchShape) throws -> Int {
        try (0..<BenchShape.partitions).reduce(0) { sum, partition in
            let lane = shape.layout.lane(LaneID(stage: "publish", partition: partition))
            return sum + (Int(try client.call("HGET", lane, "out").text ?? "0") ?? 0)
        }
    }

    private func report(_ before: [ProcessUse], _ peak: [Int], _ after: [ProcessUse]) {
        if json {
            func numbers(_ values: [Int]) -> JSON { .array(values.map { .int(Int64($0)) }) }
            var object = JSONObject()
            object["events"] = .int(Int64(events))
            object["private_before_kb"] = numbers(before.map(\.privateKilobytes))
            object["private_peak_kb"] = numbers(peak)
            object["private_after_kb"] = numbers(after.map(\.privateKilobytes))
            object["resident_before_kb"] = numbers(before.map(\.residentKilobytes))
            object["resident_after_kb"] = numbers(after.map(\.residentKilobytes))
            return Terminal.write(JSON.object(object).text + "\n")
        }
        func row(_ cells: [String]) -> String { cells.map { Text.right($0, 16) }.joined() + "\n" }
        Terminal.write(row(["KiB", "private at rest", "peak", "after", "resident", "after"]))
        for index in before.indices where index < after.count {
            let numbers = [
                before[index].privateKilobytes, peak[index], after[index].privateKilobytes,
                before[index].residentKilobytes, after[index].residentKilobytes,
            ]
            Terminal.write(row(["worker \(index + 1)"] + numbers.map(String.init)))
        }
    }
}
