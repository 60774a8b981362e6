import ArgumentParser
import Thoonk

/// `tidings feed insert`: items beside one that is there.
struct FeedInsert: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "insert",
        abstract: "Add items to a sorted feed before or after one that is there; prints their ids.",
        discussion: """
            Examples:
              tidings feed insert agenda --before 3 'coffee'
              tidings feed insert agenda --after 3 'lunch' 'coffee'
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The sorted feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "The id of the item that comes right behind them.") var before: String?
    @Option(name: .long, help: "The id of the item that comes right before them.") var after: String?
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func validate() throws {
        guard (before == nil) != (after == nil) else { throw ValidationError("say --before ID or --after ID") }
    }

    func run(_ client: ThoonkClient) async throws {
        let place = before.map(FeedPosition.before) ?? .after(after ?? "")
        try await SortedInput(input: input, json: json).put(into: client.sortedFeed(name), at: place)
    }
}
