import ArgumentParser
import Bench
import Console
import Glibc
import JSON
import Pipeline
import Redis

/// `tidings bench memory`: a worker's memory at rest, before and after many events.
struct BenchMemory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Memory of workers at rest, before and after millions of events.",
        discussion: """
            Starts a redis-server of its own and a pool of workers, and sends comments through all five stages into the \
            feeds of 500 threads and a forum, a backlog at a time. Private memory is what the process has alone.

            Example:
              tidings bench memory --events 5000000
            """)

    @OptionGroup var options: GlobalOptions

    @Option(name: .long, help: "Events in all.")
    var events = 5_000_000

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Flag(name: .long, help: "Print the figures as JSON, in KiB.")
    var json = false

    private static let backlog = 200_000

    func validate() throws {
        guard (1000...100_000_000).contains(events) else { throw ValidationError("--events takes 1000 to 100000000") }
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
    }

    func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: options.logger("bench"))
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
        var done = 0
        while done < events {
            let count = min(BenchMemory.backlog, events - done)
            try BenchRun.fill(client, shape.layout, shape.events(count, from: done))
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
