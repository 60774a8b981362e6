import ArgumentParser
import Supervision
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
    @OptionGroup var claims: ClaimSelection
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
