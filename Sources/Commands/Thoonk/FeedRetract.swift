import ArgumentParser
import Console
import Thoonk

/// `tidings feed retract`: takes items out of a feed.
struct FeedRetract: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retract",
        abstract: "Take items out of a feed or a sorted feed.",
        discussion: "Example:\n  tidings feed retract news 17 18")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @Argument(help: "Ids of items.") var ids: [String]
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or absent).") var json = false

    func run(_ client: ThoonkClient) async throws {
        let type = try await client.type(of: name)
        var report = ClaimReport(json: json)
        for id in ids {
            let was =
                switch type {
                case .feed: try await client.feed(name).retract(id)
                case .sortedFeed: try await client.sortedFeed(name).retract(id)
                case .job: throw CommandError("'\(name)' is a job feed; use 'tidings job retract'", exitCode: 2)
                case .queue:
                    throw CommandError("'\(name)' is a queue; 'tidings queue get' takes items out", exitCode: 2)
                }
            try report.add(id, was ? "done" : "absent", fault: was ? nil : "there is no item '\(id)' in '\(name)'")
        }
        try report.finish()
    }
}
