import ArgumentParser
import Thoonk

/// `tidings job retract`: removes jobs.
struct JobRetract: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retract",
        abstract: "Remove jobs, wherever they are; claims on them are lost.",
        discussion: "Example:\n  tidings job retract mail ID")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "Ids of jobs.") var ids: [String]
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or absent).") var json = false

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
