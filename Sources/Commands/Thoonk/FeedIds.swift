import ArgumentParser
import JSON
import Thoonk

/// `tidings feed ids`: the ids of what a feed of any type holds.
struct FeedIds: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "ids",
        abstract: "Print the ids of a feed's items, in its order.",
        discussion: """
            Of a queue: in the order in which they will be got. Of a job feed: of all jobs that are not finished, in no \
            order.

            Example:
              tidings feed ids news
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func run(_ client: ThoonkClient) async throws {
        let ids =
            switch try await client.type(of: name) {
            case .feed: try await client.feed(name).ids()
            case .sortedFeed: try await client.sortedFeed(name).ids()
            case .queue: try await client.queue(name).ids()
            case .job: try await client.job(name).ids()
            }
        var output = ItemOutput(json: json)
        try output.ids(ids)
    }
}
