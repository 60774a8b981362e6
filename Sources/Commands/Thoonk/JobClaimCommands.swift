import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings job finish`: ends claimed jobs.
struct JobFinish: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish",
        abstract: "End claimed jobs: they are gone.",
        discussion: """
            A result is announced to whoever follows the feed; without one nothing is. Exit code 1 when a job was not \
            finished: somebody else has it now, or nobody.

            Examples:
              tidings job finish mail ID --token TOKEN
              tidings job finish mail ID --token TOKEN --result sent
              tidings job finish mail ID --result - < report.txt
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @Option(name: .long, help: "The result, the same for each; -: all of standard input, as it stands.")
    var result: String?

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        let bytes = try result.map(StandardInput.bytes)
        try await claims.each {
            try await client.job(name).finish(id: $0, token: claims.token, result: bytes)
        }
    }
}

/// `tidings job cancel`: gives claimed jobs up.
struct JobCancel: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Give claimed jobs up: they wait again, behind the others.",
        discussion: """
            The cancel is counted. Exit code 1 when a job was not given up.

            Example:
              tidings job cancel mail ID --token TOKEN
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each { try await client.job(name).cancel(id: $0, token: claims.token) }
    }
}

/// `tidings job stall`: sets claimed jobs aside.
struct JobStall: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "stall",
        abstract: "Set claimed jobs aside until 'tidings job retry'.",
        discussion: """
            Exit code 1 when a job was not set aside.

            Example:
              tidings job stall mail ID --token TOKEN
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each { try await client.job(name).stall(id: $0, token: claims.token) }
    }
}

/// `tidings job extend`: prolongs claims.
struct JobExtend: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Make claims end later: that long from now.",
        discussion: """
            Exit code 1 when a claim was not prolonged: somebody else has the job now, or nobody.

            Example:
              tidings job extend mail ID --token TOKEN --by 10m
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @Option(name: .long, help: "How long from now, such as 90s or 10m.") var by: TimeSpan

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each {
            try await client.job(name).extend(id: $0, token: claims.token, by: by.duration)
        }
    }
}

/// The claims that a verb of `job` means.
struct ClaimFlags: ParsableArguments, Sendable {
    @Argument(help: "Ids of claimed jobs.")
    var ids: [String]

    @Option(
        name: .long,
        help:
            "The claim's token, as 'job get' gave it: refused when somebody else has the job now. Without: whoever has it."
    )
    var token: String?

    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done, lost or not_claimed).")
    var json = false

    func validate() throws {
        if token != nil, ids.count > 1 { throw ValidationError("--token is that of one job; name one id") }
    }

    /// Does a verb to each of them and reports what became of it.
    ///
    /// - Throws: ``CommandError`` with exit code 1 when one of them was not done.
    func each(_ verb: (String) async throws -> ClaimOutcome) async throws {
        var report = ClaimReport(json: json)
        for id in ids { try report.add(id, try await verb(id)) }
        try report.finish()
    }
}

/// What verbs on claims print, and how they end: each id with what became of it, and an error for those that were not
/// done.
struct ClaimReport {
    private var output: ItemOutput
    private var faults: [String] = []

    init(json: Bool) {
        output = ItemOutput(json: json)
    }

    mutating func add(_ id: String, _ outcome: ClaimOutcome) throws {
        switch outcome {
        case .done: try add(id, "done", fault: nil)
        case .lost: try add(id, "lost", fault: "somebody else has the job '\(id)' now; see 'tidings job status'")
        case .notClaimed:
            try add(id, "not_claimed", fault: "nobody has claimed the job '\(id)'; see 'tidings job status'")
        }
    }

    /// - Parameter fault: why it was not done; nil: it was.
    mutating func add(_ id: String, _ outcome: String, fault: String?) throws {
        if let fault { faults.append(fault) }
        // Without --json what failed is told as an error, once.
        if output.json || fault == nil {
            try output.line("\(id)\t\(outcome)", ["id": .string(id), "outcome": .string(outcome)])
        }
    }

    /// - Throws: ``CommandError`` with exit code 1 when one of them was not done.
    mutating func finish() throws {
        try output.flush()
        guard let last = faults.popLast() else { return }
        for fault in faults { Terminal.writeError("tidings: \(fault)\n") }
        throw CommandError(last)
    }
}
