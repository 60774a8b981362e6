import ArgumentParser
import Supervision
import Thoonk

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
    @OptionGroup var claims: ClaimSelection

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each { try await client.job(name).stall(id: $0, token: claims.token) }
    }
}
