import Console
import Events
import Glibc
package import JSON
import Pipeline
import Supervision
import Thoonk

/// One run of jobs through the Swift client: each verb over all of them, one after the other.
package struct JobsRun: Sendable {
    package let redis: String
    package let jobs: Int
    package let itemBytes: Int

    package init(redis: String, jobs: Int, itemBytes: Int) {
        self.redis = redis
        self.jobs = jobs
        self.itemBytes = itemBytes
    }

    /// One job a call, each call awaited before the next one.
    package func singly() async throws -> JobsTimes {
        let client = try ThoonkClient(redis: redis)
        let job = client.job("bench")
        let item = [UInt8](repeating: UInt8(ascii: "x"), count: itemBytes)
        try await job.create()
        var times = JobsTimes()
        times[.put] = try await JobsRun.seconds { for _ in 0..<jobs { try await job.put(item) } }
        var claims: [JobClaim] = []
        times[.get] = try await JobsRun.seconds {
            while claims.count < jobs, let claim = try await job.get(timeout: .seconds(5)) { claims.append(claim) }
        }
        times[.finish] = try await JobsRun.seconds {
            for claim in claims { try JobsRun.expect(try await job.finish(claim)) }
        }
        try await check(job)
        await client.close()
        return times
    }

    /// So many jobs a call, each call awaited before the next one.
    package func batched(_ size: Int) async throws -> JobsTimes {
        let client = try ThoonkClient(redis: redis)
        let job = client.job("bench")
        try await job.create()
        var times = JobsTimes()
        times[.put] = try await JobsRun.seconds { try await put(into: job, by: size) }
        var claims: [[JobClaim]] = []
        times[.get] = try await JobsRun.seconds {
            while true {
                let batch = try await job.get(upTo: size, timeout: .zero)
                if batch.isEmpty { break }
                claims.append(batch)
            }
        }
        times[.finish] = try await JobsRun.seconds {
            for batch in claims { for outcome in try await job.finish(batch) { try JobsRun.expect(outcome) } }
        }
        try await check(job)
        await client.close()
        return times
    }

    /// Only puts them: for the memory that they take.
    package func fill() async throws {
        let client = try ThoonkClient(redis: redis)
        try await put(into: client.job("bench"), by: 1000)
        await client.close()
    }

    private func put(into job: Job, by size: Int) async throws {
        let item = [UInt8](repeating: UInt8(ascii: "x"), count: itemBytes)
        for start in stride(from: 0, to: jobs, by: size) {
            try await job.put(all: Array(repeating: item, count: min(size, jobs - start)))
        }
    }

    private func check(_ job: Job) async throws {
        let counts = try await job.counts()
        guard counts.finishes == jobs, counts.items == 0 else {
            throw CommandError("\(counts.finishes) of \(jobs) jobs were finished, \(counts.items) are left")
        }
    }

    private static func expect(_ outcome: ClaimOutcome) throws {
        guard outcome == .done else { throw CommandError("a claim did not hold: \(outcome.rawValue)") }
    }

    private static func seconds(_ body: () async throws -> Void) async rethrows -> Double {
        let start = Clock.monotonicNanoseconds()
        try await body()
        return Double(Clock.monotonicNanoseconds() - start) / 1e9
    }
}

/// The same by thoonk.py: a process of its own for each run, which times itself.
package struct PythonJobsRun {
    package let python: String
    package let folder: BenchFolder
    /// The path of the server's socket.
    package let socket: String
    package let jobs: Int
    package let itemBytes: Int

    package init(python: String, folder: BenchFolder, socket: String, jobs: Int, itemBytes: Int) {
        self.python = python
        self.folder = folder
        self.socket = socket
        self.jobs = jobs
        self.itemBytes = itemBytes
    }

    package func run() throws -> JobsTimes {
        try folder.write(String(decoding: PackageResources.thoonk_bench_py, as: UTF8.self), to: "thoonk_bench.py")
        let result = folder.path + "/thoonk_bench.json"
        let pid = try BenchChild.spawn([
            python, "-B", folder.path + "/thoonk_bench.py", socket, String(jobs), String(itemBytes), result,
        ])
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw CommandError(
                "\(python) could not run thoonk.py (\(Subprocess.describe(status))); "
                    + "'pip install thoonk==1.0.1.0 \"redis>=5,<9\"' installs what it needs")
        }
        let text = try SmallFile.read(result, maxBytes: 4096)
        unlink(result)
        let object = try JSONParser(maxBytes: 4096).parseObject(Array(text.utf8))
        var times = JobsTimes()
        for verb in JobsTimes.Verb.allCases { times[verb] = object[verb.rawValue]?.double ?? 0 }
        return times
    }
}

/// How long it took to put, get and finish a number of jobs, in seconds.
package struct JobsTimes: Sendable {
    /// In the order in which a job meets them.
    package enum Verb: String, CaseIterable, Sendable {
        case put, get, finish
    }

    private var seconds: [Verb: Double] = [:]

    package subscript(verb: Verb) -> Double {
        get { seconds[verb] ?? 0 }
        set { seconds[verb] = newValue }
    }
}

/// The figures of `tidings bench jobs`: runs of each kind, and what they come to in jobs per second.
package struct JobsFigures {
    package let jobs: Int
    package let batch: Int
    package var singly: [JobsTimes] = []
    package var batched: [JobsTimes] = []
    /// By thoonk.py, one job a call: it has no batches.
    package var python: [JobsTimes] = []

    package init(jobs: Int, batch: Int, singly: [JobsTimes] = [], batched: [JobsTimes] = [], python: [JobsTimes] = []) {
        self.jobs = jobs
        self.batch = batch
        self.singly = singly
        self.batched = batched
        self.python = python
    }

    /// Medians, a line a verb.
    package var table: String {
        let isBeside = !python.isEmpty
        var lines = [row("", isBeside ? "thoonk.py" : "", "tidings", isBeside ? "ratio" : "", "\(batch) a call")]
        for verb in JobsTimes.Verb.allCases {
            let (ours, theirs) = (rate(singly, verb), rate(python, verb))
            let ratio = isBeside ? "\(Spread.tenth(ours / theirs))" : ""
            let beside = isBeside ? JobsFigures.whole(theirs) : ""
            lines.append(
                row(verb.rawValue, beside, JobsFigures.whole(ours), ratio, JobsFigures.whole(rate(batched, verb))))
        }
        return "jobs/s, medians\n" + lines.joined(separator: "\n") + "\n"
    }

    /// One object, with the figures of all runs of each verb.
    package var json: JSONObject {
        var object: JSONObject = ["jobs": .int(Int64(jobs)), "batch": .int(Int64(batch))]
        object["singly_jobs_per_s"] = rates(singly)
        object["batched_jobs_per_s"] = rates(batched)
        if !python.isEmpty { object["thoonk_py_jobs_per_s"] = rates(python) }
        return object
    }

    private func rates(_ runs: [JobsTimes]) -> JSON {
        var object = JSONObject()
        for verb in JobsTimes.Verb.allCases {
            object[verb.rawValue] = .array(runs.map { JSON.double((Double(jobs) / $0[verb]).rounded()) })
        }
        return .object(object)
    }

    /// The median.
    private func rate(_ runs: [JobsTimes], _ verb: JobsTimes.Verb) -> Double {
        Spread(runs.map { Double(jobs) / $0[verb] }).median
    }

    private static func whole(_ number: Double) -> String { Text.grouped(Int(number)) }

    private func row(_ cells: String...) -> String {
        Text.left(cells[0], 8) + cells.dropFirst().map { Text.right($0, 13) }.joined()
    }
}
