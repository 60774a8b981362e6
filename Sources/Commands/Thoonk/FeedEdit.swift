import ArgumentParser
import Thoonk

/// `tidings feed edit`: another content for an item of a sorted feed.
struct FeedEdit: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Give an item of a sorted feed another content; it stays where it is.",
        discussion: """
            An item of a feed that is not sorted is edited by publishing under its id: 'feed publish NAME --id ID ITEM'.

            Examples:
              tidings feed edit agenda 3 'coffee, 20 minutes'
              tidings feed edit agenda 3 - < agenda.txt
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The sorted feed's name.") var name: String
    @Argument(help: "The item's id.") var id: String
    @Argument(help: "The content; -: all of standard input, as it stands.") var item: String

    func run(_ client: ThoonkClient) async throws {
        try await client.sortedFeed(name).edit(id, StandardInput.bytes(of: item))
    }
}
