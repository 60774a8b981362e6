public import ArgumentParser
import JSON
public import Thoonk

extension FeedType: ExpressibleByArgument {}

/// `tidings feed create`: makes a feed of any type.
struct FeedCreate: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a feed, of any type.",
        discussion: """
            One that is there stays as it is; of another type, that is an error.

            Examples:
              tidings feed create news --max-length 100
              tidings feed create mail --type job --claim-timeout 5m
              tidings feed create agenda --type sorted_feed title=today
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var settings: FeedSettings
    @Option(name: .long, help: "Its type.") var type = FeedType.feed
    @Flag(name: .long, help: "Print a JSON object: name, created.") var json = false

    func run(_ client: ThoonkClient) async throws {
        let all = settings.all
        let isNew =
            switch type {
            case .feed: try await client.feed(name).create(all)
            case .sortedFeed: try await client.sortedFeed(name).create(all)
            case .queue: try await client.queue(name).create(all)
            case .job: try await client.job(name).create(all)
            }
        var output = ItemOutput(json: json)
        try output.line(
            isNew ? "\(name) created" : "\(name) was there; 'tidings feed configure \(name)' shows its configuration",
            ["name": .string(name), "created": .bool(isNew)])
        try output.flush()
    }
}
