import ArgumentParser
import Thoonk

/// `tidings feed move`: another place for an item of a sorted feed.
struct FeedMove: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move an item of a sorted feed.",
        discussion: """
            Examples:
              tidings feed move agenda 3 --first
              tidings feed move agenda 3 --after 7
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The sorted feed's name.") var name: String
    @Argument(help: "The item's id.") var id: String
    @Flag(name: .long, help: "To the beginning.") var first = false
    @Flag(name: .long, help: "To the end.") var last = false
    @Option(name: .long, help: "Right before the item with this id.") var before: String?
    @Option(name: .long, help: "Right after the item with this id.") var after: String?

    private var places: [FeedPosition] {
        var places: [FeedPosition] = []
        if first { places.append(.first) }
        if last { places.append(.last) }
        if let before { places.append(.before(before)) }
        if let after { places.append(.after(after)) }
        return places
    }

    func validate() throws {
        guard places.count == 1 else {
            throw ValidationError("say where to: one of --first, --last, --before ID, --after ID")
        }
    }

    func run(_ client: ThoonkClient) async throws {
        try await client.sortedFeed(name).move(id, to: places[0])
    }
}
