internal import Redis

/// The state of one job, with its details.
public struct JobStatus: Sendable, Equatable {
    public let state: JobState
    /// How often it was cancelled or a claim on it expired.
    public let cancelled: Int
    /// How long the claim still lasts; nil when the job is not claimed, or when its claim does not expire.
    public let claimEnds: Duration?
    /// What the worker is to do; empty when there is no such job.
    public let bytes: [UInt8]
}

/// The state of a job.
public enum JobState: String, Sendable {
    case waiting
    case claimed
    case stalled
    /// The job has an item and is in no list. A client that takes and claims in two steps is between the two, or
    /// crashed there: ``Job/maintenance(grace:)`` finds out.
    case missing
    /// There is no such job: it is finished, was retracted, or was never put.
    case absent
}

/// How many jobs are in each state, and the feed's counters.
public struct JobCounts: Sendable, Equatable {
    public let waiting: Int
    public let claimed: Int
    public let stalled: Int
    /// Jobs that maintenance has found in no list and not yet put back.
    public let missing: Int
    /// All unfinished jobs.
    public let items: Int
    /// Jobs that were ever put.
    public let publishes: Int
    /// Jobs that were ever finished.
    public let finishes: Int

    public init(
        waiting: Int, claimed: Int, stalled: Int, missing: Int, items: Int, publishes: Int, finishes: Int
    ) {
        self.waiting = waiting
        self.claimed = claimed
        self.stalled = stalled
        self.missing = missing
        self.items = items
        self.publishes = publishes
        self.finishes = finishes
    }
}

/// The result of a round of maintenance.
public struct MaintenanceReport: Sendable, Equatable {
    /// Jobs that were in no list for the whole grace time and have been put back.
    public var putBack = 0
    /// Claims that had expired; their jobs wait again.
    public var takenBack = 0
    /// Jobs that are in no list now; they are put back if that lasts.
    public var missing = 0

    public init(putBack: Int = 0, takenBack: Int = 0, missing: Int = 0) {
        self.putBack = putBack
        self.takenBack = takenBack
        self.missing = missing
    }
}

/// Inspection and maintenance of a job feed.
extension Job {
    /// How many jobs are in each state, and the feed's counters, in one step.
    public func counts() async throws -> JobCounts {
        let numbers = try await client.core.read(readingCommand("job_counts")).array?.map { Int($0.integer ?? 0) } ?? []
        guard numbers.count == 7 else { throw ThoonkError(.refused, "unexpected reply of thoonk_job_counts") }
        return JobCounts(
            waiting: numbers[0], claimed: numbers[1], stalled: numbers[2], missing: numbers[3], items: numbers[4],
            publishes: numbers[5], finishes: numbers[6])
    }

    /// The state of a job. Searches the list of waiting jobs: a tool for operators.
    public func status(_ id: String) async throws -> JobStatus {
        let parts = try await client.core.read(readingCommand("job_state", id)).array ?? []
        guard parts.count == 4, let state = parts[0].text.flatMap(JobState.init) else {
            throw ThoonkError(.refused, "unexpected reply of thoonk_job_state")
        }
        let left = parts[2].integer ?? -1
        return JobStatus(
            state: state, cancelled: Int(parts[1].integer ?? 0), claimEnds: left < 0 ? nil : .milliseconds(left),
            bytes: parts[3].bytes ?? [])
    }

    /// Looks for lost jobs in the whole feed, in many small steps, and ends expired claims. Call it regularly, for
    /// example once in `grace`; any number of programs may do so.
    ///
    /// A client that takes and claims a job in two steps loses it when it crashes in between: the job is in no list
    /// then. A job that is just being taken looks the same for a moment. So a job is put back only when two calls at
    /// least, `grace` apart, have found it missing.
    public func maintenance(grace: Duration = .seconds(60)) async throws -> MaintenanceReport {
        var report = MaintenanceReport()
        var cursor = ""
        repeat {
            let command = command("job_maintenance", String(grace.wholeMilliseconds), cursor)
            let parts = try await client.core.call(command).array ?? []
            guard parts.count == 4 else {
                throw ThoonkError(.refused, "unexpected reply of thoonk_job_maintenance")
            }
            cursor = parts[0].text ?? ""
            report.putBack += Int(parts[1].integer ?? 0)
            report.takenBack += Int(parts[2].integer ?? 0)
            report.missing = Int(parts[3].integer ?? 0)
            try Task.checkCancellation()
        } while !cursor.isEmpty
        return report
    }
}
