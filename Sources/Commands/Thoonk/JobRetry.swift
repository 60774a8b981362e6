import ArgumentParser
import Supervision
import Thoonk

/// `tidings job retry`: has stalled jobs wait again.
struct JobRetry: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Have stalled jobs wait again, behind the others.",
        discussion: """
            Exit code 1 when a job is not stalled: nothing was done with it.

            Examples:
              tidings job retry mail ID
              tidings job retry mail --all
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @Argument(help: "Ids of stalled jobs.") var ids: [String] = []
    @Flag(name: .long, help: "All that are stalled.") var all = false
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or not_stalled).") var json = false

    func validate() throws {
        guard all == ids.isEmpty else { throw ValidationError("name ids of stalled jobs, or say --all") }
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
