import ArgumentParser
import Thoonk

/// `tidings feed publish`: items into a feed.
struct FeedPublish: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publish items in a feed; prints their ids.",
        discussion: """
            With the id of an item that is there it is edited, and moves to the end. Many items are published together: each \
            such batch, of 500 at most, is one step. The ids of what is in are printed, batch by batch.

            Examples:
              tidings feed publish news 'hello' 'world'
              tidings feed publish news --id weather 'rain'
              tidings feed publish log < app.ndjson
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "The item's id, for one item. (default: a fresh one)") var id: String?
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func validate() throws {
        if id != nil, input.items.count != 1 { throw ValidationError("--id is that of one item; give one") }
    }

    func run(_ client: ThoonkClient) async throws {
        let feed = client.feed(name)
        var output = ItemOutput(json: json)
        if let id {
            let item = try StandardInput.bytes(of: input.items[0])
            return try output.ids([try await feed.publish(item, id: id)])
        }
        try await input.batches { try output.ids(try await feed.publish(all: $0)) }
    }
}
