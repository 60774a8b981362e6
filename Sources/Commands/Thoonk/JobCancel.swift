import ArgumentParser
import Supervision
import Thoonk

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
    @OptionGroup var claims: ClaimSelection

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .job)
        try await claims.each { try await client.job(name).cancel(id: $0, token: claims.token) }
    }
}
