import ArgumentParser
import JSON
import Thoonk

/// `tidings feed list`: what there is.
struct FeedList: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List feeds of all types: type, name.",
        discussion: """
            Feeds of a pipeline's channels are among them: {thread:42}.

            Example:
              tidings feed list --type job
            """)

    @OptionGroup var options: GlobalOptions
    @Option(name: .long, help: "Only those of this type.") var type: FeedType?
    @Flag(name: .long, help: "Print one JSON object a line: name, type.") var json = false

    func run(_ client: ThoonkClient) async throws {
        var output = ItemOutput(json: json)
        for feed in try await client.feeds().sorted(by: { $0.name < $1.name }) where type == nil || feed.type == type {
            try output.line(
                raw: [Array(feed.typeName.utf8), Array(feed.name.utf8)],
                ["name": .string(feed.name), "type": .string(feed.typeName)])
        }
        try output.flush()
    }
}
