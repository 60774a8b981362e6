import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings job status`: how many jobs are where, or where one is.
struct JobStatusCommand: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how many jobs are where, or where one job is.",
        discussion: """
            States: waiting, claimed, stalled, missing (in no list: just being taken, or lost by a client that died; \
            'tidings job maintain' finds out), absent (finished, or never put: exit code 1).

            Examples:
              tidings job status mail
              tidings job status mail ID --json
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "A job's id; none: counts of all.") var id: String?
    @Flag(name: .long, help: "Print a JSON object.") var json = false

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
        CommandError("there is no job '\(id)' in '\(name)': it is finished, was retracted, or never put")
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
