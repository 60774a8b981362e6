import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings job finish`: finishes claimed jobs.
struct JobFinish: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish",
        abstract: "Finish claimed jobs, which removes them.",
        discussion: """
            Examples:
              tidings job finish mail ID --token TOKEN
              tidings job finish mail ID --token TOKEN --result sent
              tidings job finish mail ID --result - < report.txt

            A result is announced to all who follow the feed. Exit code 1 when a job was not finished because it has \
            another claim by now, or none.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @Option(name: .long, help: "The result, the same for each job; -: all of standard input, unchanged.")
    var result: String?

    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        let bytes = try result.map(StandardInput.bytes)
        try await claims.each {
            try await client.job(name).finish(id: $0, token: claims.token, result: bytes)
        }
    }
}

/// `tidings job cancel`: gives claimed jobs back.
struct JobCancel: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Give claimed jobs back: they wait again behind the others.",
        discussion: """
            Example:
              tidings job cancel mail ID --token TOKEN

            The cancel is counted. Exit code 1 when a job was not given back.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @OptionGroup var options: GlobalFlags

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
            Example:
              tidings job stall mail ID --token TOKEN

            Exit code 1 when a job was not set aside.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each { try await client.job(name).stall(id: $0, token: claims.token) }
    }
}

/// `tidings job extend`: extends claims.
struct JobExtend: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Extend claims.",
        discussion: """
            Example:
              tidings job extend mail ID --token TOKEN --by 10m

            Exit code 1 when a claim was not extended because the job has another claim by now, or none.
            """)

    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var claims: ClaimFlags
    @Option(name: .long, help: "When the claim expires, counted from now, such as 90s or 10m.") var by: TimeSpan
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each {
            try await client.job(name).extend(id: $0, token: claims.token, by: by.duration)
        }
    }
}

/// The claims that a command works on.
struct ClaimFlags: ParsableArguments, Sendable {
    @Argument(help: "Ids of claimed jobs.")
    var ids: [String]

    @Option(
        name: .long,
        help:
            "The claim's token, as printed by 'job get': refused if the job has another claim by now. (default: any claim)"
    )
    var token: String?

    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done, lost or not_claimed).")
    var json = false

    func validate() throws {
        if token != nil, ids.count > 1 { throw ValidationError("--token is for a single job; give one id") }
    }

    /// Applies a verb to each id and reports the outcomes.
    ///
    /// - Throws: ``CommandError`` with exit code 1 when a verb was not done.
    func each(_ verb: (String) async throws -> ClaimOutcome) async throws {
        var report = ClaimReport(json: json)
        for id in ids { try report.add(id, try await verb(id)) }
        try report.finish()
    }
}

/// Collects and prints the outcome for each id, and ends with an error for those that were not done.
struct ClaimReport {
    private var output: ItemOutput
    private var faults: [String] = []

    init(json: Bool) {
        output = ItemOutput(json: json)
    }

    mutating func add(_ id: String, _ outcome: ClaimOutcome) throws {
        switch outcome {
        case .done: try add(id, "done", fault: nil)
        case .lost:
            try add(id, "lost", fault: "another worker has claimed the job '\(id)' by now; see 'tidings job status'")
        case .notClaimed:
            try add(id, "not_claimed", fault: "the job '\(id)' is not claimed; see 'tidings job status'")
        }
    }

    /// - Parameter fault: why the verb was not done; nil: it was.
    mutating func add(_ id: String, _ outcome: String, fault: String?) throws {
        if let fault { faults.append(fault) }
        // Without --json a failure is reported once, as an error.
        if output.json || fault == nil {
            try output.line("\(id)\t\(outcome)", ["id": .string(id), "outcome": .string(outcome)])
        }
    }

    /// - Throws: ``CommandError`` with exit code 1 when a verb was not done.
    mutating func finish() throws {
        try output.flush()
        guard let last = faults.popLast() else { return }
        for fault in faults { Terminal.writeError("tidings: \(fault)\n") }
        throw CommandError(last)
    }
}
