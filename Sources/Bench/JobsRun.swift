import Console
import Events
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
