import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings job`: Thoonk job feeds.
struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Thoonk job feeds: put, get, finish, cancel, stall, maintain.",
        discussion: """
            Examples:
              tidings job put mail 'to: ada'
              tidings job get mail --timeout 10s --json
              tidings job finish mail ID --token TOKEN --result sent
              tidings job status mail
              tidings job maintain mail

            A job is claimed by one worker at a time and stays until it is finished. A claim expires, after five minutes by \
            default: then the job waits again, and a late finish with the old token is refused. 'tidings feed' lists, \
            creates, configures and deletes job feeds as well.
            """,
        subcommands: [
            JobPut.self, JobGet.self, JobFinish.self, JobCancel.self, JobStall.self, JobRetry.self, JobRetract.self,
            JobExtend.self, JobStatusCommand.self, JobMaintain.self,
        ])
}

/// `tidings job put`: puts jobs into a job feed.
struct JobPut: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Put jobs; prints their ids.",
        discussion: """
            Examples:
              tidings job put mail 'to: ada'
              tidings job put mail --id order-17 'to: grace'
              tidings job put mail < mails.ndjson

            Jobs are put in batches of at most 500, each in one step. The ids are printed after each batch. With --id, \
            repeating the put changes nothing until the job is finished.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "The id, for a single job. (default: a new id)") var id: String?
    @Flag(name: .long, help: "Put each batch at the head of the list instead of at its end.") var priority =
        false
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        if id != nil, input.items.count != 1 { throw ValidationError("--id is for a single job; give one") }
    }

    func run(_ client: ThoonkClient) async throws {
        let job = client.job(name)
        var output = ItemOutput(json: json)
        if let id {
            let item = try StandardInput.bytes(of: input.items[0])
            return try output.ids([try await job.put(item, priority: priority, id: id)])
        }
        try await input.batches { try output.ids(try await job.put(all: $0, priority: priority)) }
    }
}

/// `tidings job get`: claims jobs.
struct JobGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Claim jobs and print them; waits until there is one.",
        discussion: """
            Examples:
              tidings job get mail --claim 10m
              tidings job get mail --timeout 10s --json | jq -r .item
              tidings job get mail --count 100 --timeout 0s --json

            A line has the job's id, the claim's token and the item, separated by tabs. Finish the job with id and token \
            before the claim expires. It does not poll while it waits. Exit code 75 after the time-out or Ctrl-C.
            """)
    static let endsInOrder = true

    @Argument(help: "The job feed's name.") var name: String
    @Option(name: .long, help: "How many at most, 1 to 1000; it waits for the first one only.") var count = 1
    @Option(
        name: .long, help: "How long to wait, such as 500ms or 10m; 0s: not at all. (default: without limit)")
    var timeout: TimeSpan?
    @Option(name: .long, help: "How long the claim lasts. (default: the feed's claim_timeout, or else 5m)")
    var claim: TimeSpan?
    @Flag(
        name: .long,
        help: """
            Print one JSON object a line: id, token, cancelled (how often before), deadline (ms since 1970, by the clock \
            of Redis), item (base64 when it is no UTF-8).
            """)
    var json = false

    @OptionGroup var options: GlobalFlags

    /// The default of the function library, in ms.
    private static let usualClaim: Int64 = 300_000

    func validate() throws {
        guard (1...1000).contains(count) else { throw ValidationError("--count takes 1 to 1000") }
        if let claim, claim.milliseconds < 1 { throw ValidationError("--claim takes a time from 1ms, such as 5m") }
    }

    func run(_ client: ThoonkClient) async throws {
        let job = client.job(name)
        // Asked before the claim: a failure here must leave no claim behind.
        let lasts = try await json ? claimMilliseconds(job) : 0
        let claims = try await job.get(upTo: count, timeout: timeout?.duration, claimTimeout: claim?.duration)
        guard !claims.isEmpty else {
            throw CommandError("no job came into '\(name)' within \(timeout?.text ?? "")", exitCode: 75)
        }
        var output = ItemOutput(json: json)
        for claim in claims {
            try output.line(
                raw: [Array(claim.id.utf8), Array(claim.token.utf8), claim.bytes], JobGet.object(claim, lasts: lasts))
        }
        try output.flush()
    }

    private func claimMilliseconds(_ job: Job) async throws -> Int64 {
        if let claim { return claim.milliseconds }
        return try await job.configuration()["claim_timeout"].flatMap { Int64($0) } ?? JobGet.usualClaim
    }

    /// The token is the time in ms at which the claim began.
    private static func object(_ claim: JobClaim, lasts: Int64) -> JSONObject {
        JSONObject(members: [
            ("id", .string(claim.id)), ("token", .string(claim.token)), ("cancelled", .int(Int64(claim.cancelled))),
            ("deadline", .int(Int64((Double(claim.token) ?? 0).rounded()) + lasts)), ItemOutput.member(claim.bytes),
        ])
    }
}

/// `tidings job status`: how many jobs are in each state, or the state of one.
struct JobStatusCommand: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how many jobs are in each state, or the state of one job.",
        discussion: """
            Examples:
              tidings job status mail
              tidings job status mail ID --json

            States: waiting, claimed, stalled, missing (in no list: a client is taking it or crashed while taking it; \
            'tidings job maintain' finds out), absent (finished, retracted or never put: exit code 1).
            """)

    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "A job's id. (default: counts of all jobs)") var id: String?
    @Flag(name: .long, help: "Print a JSON object.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        let job = client.job(name)
        var output = ItemOutput(json: json)
        guard let id else {
            try JobStatusCommand.print(try await job.counts(), to: &output)
            return try output.flush()
        }
        let status = try await job.status(id)
        guard status.state != .absent || json else { throw absent(id) }
        try JobStatusCommand.print(id, status, to: &output)
        try output.flush()
        if status.state == .absent { throw absent(id) }
    }

    private func absent(_ id: String) -> CommandError {
        CommandError("there is no job '\(id)' in '\(name)': it is finished, was retracted or was never put")
    }

    private static func print(_ counts: JobCounts, to output: inout ItemOutput) throws {
        let numbers = [
            ("waiting", counts.waiting), ("claimed", counts.claimed), ("stalled", counts.stalled),
            ("missing", counts.missing), ("items", counts.items), ("publishes", counts.publishes),
            ("finishes", counts.finishes),
        ]
        if output.json {
            try output.line("", JSONObject(members: numbers.map { (key: $0.0, value: JSON.int(Int64($0.1))) }))
        } else {
            for (name, number) in numbers { try output.line(Text.left(name, 10) + Text.right("\(number)", 12), [:]) }
        }
    }

    private static func print(_ id: String, _ status: JobStatus, to output: inout ItemOutput) throws {
        var object: JSONObject = ["id": .string(id), "state": .string(status.state.rawValue)]
        var words = status.state.rawValue
        if status.state != .absent {
            object["cancelled"] = .int(Int64(status.cancelled))
            if status.cancelled > 0 { words += ", \(status.cancelled) \(status.cancelled == 1 ? "cancel" : "cancels")" }
            let member = ItemOutput.member(status.bytes)
            object[member.key] = member.value
        }
        if let left = status.claimEnds {
            let (seconds, attoseconds) = left.components
            object["claim_ends_in_ms"] = .int(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
            words += ", the claim ends in \(Text.seconds(left / .seconds(1)))"
        } else if status.state == .claimed {
            words += ", the claim does not end by itself"
        }
        try output.line(words, object)
    }
}

/// `tidings job retry`: puts stalled jobs back into the list.
struct JobRetry: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Put stalled jobs back into the list, behind the others.",
        discussion: """
            Examples:
              tidings job retry mail ID
              tidings job retry mail --all

            Exit code 1 when a job is not stalled; it is left as it is.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "Ids of stalled jobs.") var ids: [String] = []
    @Flag(name: .long, help: "All stalled jobs.") var all = false
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or not_stalled).") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard all == ids.isEmpty else { throw ValidationError("give ids of stalled jobs, or --all") }
    }

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        let job = client.job(name)
        var report = ClaimReport(json: json)
        for id in try await all ? job.stalled() : ids {
            let done = try await job.retry(id)
            try report.add(
                id, done ? "done" : "not_stalled", fault: done ? nil : "the job '\(id)' is not stalled in '\(name)'")
        }
        try report.finish()
    }
}

/// `tidings job retract`: removes jobs.
struct JobRetract: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retract",
        abstract: "Remove jobs in any state; claims on them are lost.",
        discussion: "Example:\n  tidings job retract mail ID")

    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "Ids of jobs.") var ids: [String]
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or absent).") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        var report = ClaimReport(json: json)
        for id in ids {
            let was = try await client.job(name).retract(id)
            try report.add(id, was ? "done" : "absent", fault: was ? nil : "there is no job '\(id)' in '\(name)'")
        }
        try report.finish()
    }
}

/// `tidings job maintain`: puts lost jobs back and ends expired claims.
struct JobMaintain: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintain",
        abstract: "Put lost jobs back and end expired claims.",
        discussion: """
            Example:
              tidings job maintain mail

            Clients that take and claim a job in two steps, such as thoonk.py, lose it when they crash in between. A job is \
            put back when two calls, --grace apart, have found it in no list. Run it once per --grace, for example from \
            cron; several at once do no harm.
            """)

    @Argument(help: "Job feeds.") var names: [String]
    @Option(name: .long, help: "How long a job must be in no list to count as lost. (default: 1m)") var grace: TimeSpan?
    @Flag(name: .long, help: "Print one JSON object a line: feed, put_back, taken_back, missing.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        var output = ItemOutput(json: json)
        for name in names {
            try await client.require(name, .job)
            let report = try await client.job(name).maintenance(grace: grace?.duration ?? .seconds(60))
            try output.line(
                "\(name): \(report.putBack) put back, \(report.takenBack) claims taken back, \(report.missing) missing",
                [
                    "feed": .string(name), "put_back": .int(Int64(report.putBack)),
                    "taken_back": .int(Int64(report.takenBack)), "missing": .int(Int64(report.missing)),
                ])
            try output.flush()
        }
    }
}
