import ArgumentParser
import Supervision
import Thoonk

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
    @OptionGroup var claims: ClaimSelection
    @Option(name: .long, help: "How long from now, such as 90s or 10m.") var by: TimeSpan

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each {
            try await client.job(name).extend(id: $0, token: claims.token, by: by.duration)
        }
    }
}
