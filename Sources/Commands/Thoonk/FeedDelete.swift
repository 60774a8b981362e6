import ArgumentParser
import Console
import Thoonk

/// `tidings feed delete`: removes a feed of any type.
struct FeedDelete: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a feed of any type with all that it holds.",
        discussion: "Example:\n  tidings feed delete news --yes")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @Flag(name: .long, help: "Really: its items are gone for good.") var yes = false

    func validate() throws {
        guard yes else {
            throw ValidationError("this deletes '\(name)' and every item in it; say --yes if you mean it")
        }
    }

    func run(_ client: ThoonkClient) async throws {
        guard try await client.feed(name).delete() else {
            throw CommandError("there is no feed '\(name)'; 'tidings feed list' shows what there is")
        }
        Terminal.write("\(name) deleted\n")
    }
}
