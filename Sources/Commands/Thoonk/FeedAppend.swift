import ArgumentParser
import Thoonk

/// `tidings feed append`: items at the end of a sorted feed.
struct FeedAppend: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Add items at the end of a sorted feed; prints their ids.",
        discussion: "Example:\n  tidings feed append agenda 'welcome' 'minutes'")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The sorted feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func run(_ client: ThoonkClient) async throws {
        try await SortedInput(input: input, json: json).put(into: client.sortedFeed(name), at: .last)
    }
}
