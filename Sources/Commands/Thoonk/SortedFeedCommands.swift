import ArgumentParser
import Thoonk

/// `tidings feed append`: adds items at the end of a sorted feed.
struct FeedAppend: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Add items at the end of a sorted feed; prints their ids.",
        discussion: "Example:\n  tidings feed append agenda 'welcome' 'minutes'")

    @Argument(help: "The sorted feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await SortedInput(input: input, json: json).put(into: client.sortedFeed(name), at: .last)
    }
}

/// `tidings feed prepend`: adds items at the beginning of a sorted feed.
struct FeedPrepend: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepend",
        abstract: "Add items at the beginning of a sorted feed; prints their ids.",
        discussion: "Example:\n  tidings feed prepend agenda 'welcome' 'minutes'")

    @Argument(help: "The sorted feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await SortedInput(input: input, json: json).put(into: client.sortedFeed(name), at: .first)
    }
}

/// `tidings feed insert`: adds items before or after an existing one.
struct FeedInsert: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "insert",
        abstract: "Add items to a sorted feed before or after an existing one; prints their ids.",
        discussion: """
            Examples:
              tidings feed insert agenda --before 3 'coffee'
              tidings feed insert agenda --after 3 'lunch' 'coffee'
            """)

    @Argument(help: "The sorted feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "Insert right before the item with this id.") var before: String?
    @Option(name: .long, help: "Insert right after the item with this id.") var after: String?
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (before == nil) != (after == nil) else { throw ValidationError("give --before ID or --after ID") }
    }

    func run(_ client: ThoonkClient) async throws {
        let place = before.map(FeedPosition.before) ?? .after(after ?? "")
        try await SortedInput(input: input, json: json).put(into: client.sortedFeed(name), at: place)
    }
}

/// `tidings feed edit`: replaces an item of a sorted feed.
struct FeedEdit: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Replace the content of an item of a sorted feed; it keeps its position.",
        discussion: """
            Examples:
              tidings feed edit agenda 3 'coffee, 20 minutes'
              tidings feed edit agenda 3 - < agenda.txt

            To edit an item of an unsorted feed, publish it again: 'feed publish NAME --id ID ITEM'.
            """)

    @Argument(help: "The sorted feed's name.") var name: String
    @Argument(help: "The item's id.") var id: String
    @Argument(help: "The content; -: all of standard input, unchanged.") var item: String
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.sortedFeed(name).edit(id, StandardInput.bytes(of: item))
    }
}

/// `tidings feed move`: moves an item of a sorted feed.
struct FeedMove: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move an item of a sorted feed.",
        discussion: """
            Examples:
              tidings feed move agenda 3 --first
              tidings feed move agenda 3 --after 7
            """)

    @Argument(help: "The sorted feed's name.") var name: String
    @Argument(help: "The item's id.") var id: String
    @Flag(name: .long, help: "To the beginning.") var first = false
    @Flag(name: .long, help: "To the end.") var last = false
    @Option(name: .long, help: "Right before the item with this id.") var before: String?
    @Option(name: .long, help: "Right after the item with this id.") var after: String?
    @OptionGroup var options: GlobalFlags

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
            throw ValidationError("give one of --first, --last, --before ID, --after ID")
        }
    }

    func run(_ client: ThoonkClient) async throws {
        try await client.sortedFeed(name).move(id, to: places[0])
    }
}

/// Puts the items of a command into a sorted feed.
struct SortedInput {
    let input: ItemInput
    let json: Bool

    /// Puts them at a position, in their order and in batches; prints their ids.
    func put(into feed: SortedFeed, at position: FeedPosition) async throws {
        var output = ItemOutput(json: json)
        var place = position
        try await input.batches { batch in
            let ids = try await feed.publish(all: batch, at: place)
            try output.ids(ids)
            // The next batch goes behind this one, not in front of it.
            switch place {
            case .first, .after: place = ids.last.map(FeedPosition.after) ?? place
            case .last, .before: break
            }
        }
    }
}
