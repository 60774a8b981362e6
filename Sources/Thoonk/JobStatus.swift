internal import Redis

/// All there is to know about one job.
public struct JobStatus: Sendable, Equatable {
    public let state: JobState
    /// How often it was cancelled, or a claim's time was over.
    public let cancelled: Int
    /// How long the claim still lasts; nil when it is not claimed, or by a client whose claims do not end.
    public let claimEnds: Duration?
    /// What is to be done; empty when there is no such job.
    public let bytes: [UInt8]
}

/// Where a job is.
public enum JobState: String, Sendable {
    case waiting
    case claimed
    case stalled
    /// It has an item and is in no list: it is just being taken by a client that does this in two steps, or was lost by
    /// one. ``Job/maintenance(grace:)`` finds out.
    case missing
    /// There is no such job: it is finished, or never was.
    case absent
}

/// How many jobs of a feed are where.
public struct JobCounts: Sendable, Equatable {
    public let waiting: Int
    public let claimed: Int
    public let stalled: Int
    /// Those that maintenance has found in no list and not yet put back.
    public let missing: Int
    /// All that are not finished.
    public let items: Int
    /// Ever put.
    public let publishes: Int
    /// Ever finished.
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

/// What a round of maintenance has done.
public struct MaintenanceReport: Sendable, Equatable {
    /// Jobs that had been in no list for the whole grace time, and wait again.
    public var putBack = 0
    /// Claims whose time was over; these jobs wait again.
    public var takenBack = 0
    /// Jobs that are in no list now, and are put back when they stay so.
    public var missing = 0

    public init(putBack: Int = 0, takenBack: Int = 0, missing: Int = 0) {
        self.putBack = putBack
        self.takenBack = takenBack
        self.missing = missing
    }
}

/// Verbs that look at the whole feed.
extension Job {
    public func counts() async throws -> JobCounts {
        let numbers = try await client.core.read(readingCommand("job_counts")).array?.map { Int($0.integer ?? 0) } ?? []
        guard numbers.count == 7 else { throw ThoonkError(.refused, "thoonk_job_counts answered in an unknown form") }
        return JobCounts(
            waiting: numbers[0], claimed: numbers[1], stalled: numbers[2], missing: numbers[3], items: numbers[4],
            publishes: numbers[5], finishes: numbers[6])
    }

    /// Where a job is. Looks through the list of those that wait: an operator's tool.
    public func status(_ id: String) async throws -> JobStatus {
        let parts = try await client.core.read(readingCommand("job_state", id)).array ?? []
        guard parts.count == 4, let state = parts[0].text.flatMap(JobState.init) else {
            throw ThoonkError(.refused, "thoonk_job_state answered in an unknown form")
        }
        let left = parts[2].integer ?? -1
        return JobStatus(
            state: state, cancelled: Int(parts[1].integer ?? 0), claimEnds: left < 0 ? nil : .milliseconds(left),
            bytes: parts[3].bytes ?? [])
    }

    /// Looks through the whole feed for jobs that a client has lost, in many small steps, and takes back claims whose
    /// time is over. To be called now and then, once in `grace` say, by any number of programs.
    ///
    /// Clients that take a job and claim it in two steps lose it when they die in between: it is in no list then. One
    /// that is just being taken looks the same for a moment; so a job is put back only when it has been found so over
    /// the grace time, by at least two rounds.
    public func maintenance(grace: Duration = .seconds(60)) async throws -> MaintenanceReport {
        var report = MaintenanceReport()
        var cursor = ""
        repeat {
            let command = command("job_maintenance", String(grace.wholeMilliseconds), cursor)
            let parts = try await client.core.call(command).array ?? []
            guard parts.count == 4 else {
                throw ThoonkError(.refused, "thoonk_job_maintenance answered in an unknown form")
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
