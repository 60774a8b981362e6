import ArgumentParser
import Bench
import Console
import Glibc
import JSON
import Pipeline
import Redis

/// `tidings bench jobs`: jobs per second through the Thoonk client, beside thoonk.py, and the memory of queued jobs.
struct BenchJobs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs",
        abstract: "Thoonk jobs per second, beside thoonk.py; the memory of queued jobs.",
        discussion: """
            Examples:
              tidings bench jobs --python .build/thoonk-py/bin/python
              tidings bench jobs --memory 1000000

            Starts a redis-server of its own (append-only file, everysec), puts jobs, gets them all, finishes them all: one \
            job a call, then many a call, each call awaited. With --python thoonk.py does the same, one job a call, in turn \
            with it, so that a drift of the machine's speed touches both. 'make bench-jobs' installs thoonk.py.
            """)

    @Option(name: .long, help: "Jobs in each run.") var jobs = 20_000
    @Option(name: .long, help: "Jobs a call, in the runs with many.") var batch = 500
    @Option(name: .long, help: "Bytes of an item.") var itemBytes = 100
    @Option(name: .long, help: "Times each run is repeated; 0: only --memory.") var runs = 3
    @Option(name: .long, help: "A python3 with thoonk 1.0.1.0.") var python: String?
    @Option(name: .long, help: "Measure the memory that so many queued jobs take; 0: not.") var memory = 0
    @Flag(name: .long, help: "Print the figures as a JSON object.") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (100...10_000_000).contains(jobs) else { throw ValidationError("--jobs takes 100 to 10000000") }
        guard (1...1000).contains(batch), (1...1_000_000).contains(itemBytes) else {
            throw ValidationError("--batch takes 1 to 1000, --item-bytes 1 to 1000000")
        }
        guard (0...20).contains(runs), (0...100_000_000).contains(memory) else {
            throw ValidationError("--runs takes 0 to 20, --memory 0 to 100000000")
        }
        guard runs > 0 || memory > 0 else { throw ValidationError("nothing to measure: raise --runs or --memory") }
    }

    func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let server = try BenchServer(folder: folder, logger: options.logger("bench"))
        defer { server.stop() }
        let client = try server.client()
        var figures = JobsFigures(jobs: jobs, batch: batch)
        if python == nil, runs > 0 {
            Terminal.writeError("tidings: without --python there is no thoonk.py beside it; see 'make bench-jobs'\n")
        }
        for turn in 0..<runs { try measure(&figures, turn, server, folder, client) }
        let bytes = try memory > 0 ? bytesPerJob(server, client) : nil
        Terminal.clearProgress()
        report(figures, bytes)
    }

    private func measure(
        _ figures: inout JobsFigures, _ turn: Int, _ server: BenchServer, _ folder: BenchFolder, _ client: BlockingRedis
    ) throws {
        let ours = JobsRun(redis: server.address.url, jobs: jobs, itemBytes: itemBytes)
        let size = batch
        Terminal.progress("run \(turn + 1) of \(runs): one a call")
        _ = try client.call("FLUSHALL")
        figures.singly.append(try AsyncWork.run { try await ours.singly() })
        if let python, case .unix(let socket) = server.address.endpoint {
            Terminal.progress("run \(turn + 1) of \(runs): thoonk.py")
            _ = try client.call("FLUSHALL")
            let theirs = PythonJobsRun(
                python: python, folder: folder, socket: socket, jobs: jobs, itemBytes: itemBytes)
            figures.python.append(try theirs.run())
        }
        Terminal.progress("run \(turn + 1) of \(runs): \(batch) a call")
        _ = try client.call("FLUSHALL")
        figures.batched.append(try AsyncWork.run { try await ours.batched(size) })
    }

    /// What Redis uses more with the jobs than without, for each.
    private func bytesPerJob(_ server: BenchServer, _ client: BlockingRedis) throws -> Double {
        Terminal.progress("\(Text.grouped(memory)) queued jobs")
        _ = try client.call("FLUSHALL")
        let before = try used(client)
        let run = JobsRun(redis: server.address.url, jobs: memory, itemBytes: itemBytes)
        try AsyncWork.run { try await run.fill() }
        return Double(try used(client) - before) / Double(memory)
    }

    private func used(_ client: BlockingRedis) throws -> Int {
        let text = try client.call("INFO", "memory").text ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        guard let number = line.flatMap({ Int($0.dropFirst("used_memory:".count)) }) else {
            throw CommandError("INFO memory of this redis-server has no used_memory")
        }
        return number
    }

    private func report(_ figures: JobsFigures, _ bytesPerJob: Double?) {
        guard json else {
            if runs > 0 { Terminal.write(figures.table) }
            if let bytesPerJob {
                Terminal.write(
                    "\(Text.grouped(memory)) queued jobs of \(itemBytes) bytes: \(Int(bytesPerJob.rounded())) bytes of "
                        + "Redis memory each, \(Text.megabytes(Int64(bytesPerJob * Double(memory)))) in all\n")
            }
            return
        }
        var object = runs > 0 ? figures.json : JSONObject()
        if let bytesPerJob {
            object["memory_jobs"] = .int(Int64(memory))
            object["memory_bytes_per_job"] = .double(Spread.tenth(bytesPerJob))
        }
        Terminal.write(JSON.object(object).text + "\n")
    }
}
