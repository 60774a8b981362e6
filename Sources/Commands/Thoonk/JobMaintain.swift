import ArgumentParser
import JSON
import Thoonk

/// `tidings job maintain`: puts back what clients have lost.
struct JobMaintain: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintain",
        abstract: "Look for jobs that a client has lost, and take back claims whose time is over.",
        discussion: """
            Clients that take and claim a job in two steps, thoonk.py among them, lose it when they die in between. A job is \
            put back when two rounds have found it in no list, --grace apart. Call it once in that time, from cron say; \
            several at once do no harm.

            Example:
              tidings job maintain mail
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "Job feeds.") var names: [String]
    @Option(name: .long, help: "How long a job must have been in no list. (default: 1m)") var grace: TimeSpan?
    @Flag(name: .long, help: "Print one JSON object a line: feed, put_back, taken_back, missing.") var json = false

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
