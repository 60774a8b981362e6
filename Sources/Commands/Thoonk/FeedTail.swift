import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings feed tail`: follows feeds.
struct FeedTail: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow feeds: print what happens to them, until Ctrl-C.",
        discussion: """
            A line is what happened, the feed, the item's id, and the item or its place, with tabs between them: published, \
            edited, retracted, moved, finished (a job, with its result), created, deleted, configured. It reconnects by \
            itself; where events may be missing, a line on standard error says so. What was there before is in 'feed get'.

            Examples:
              tidings feed tail news
              tidings feed tail --json | jq -r 'select(.event == "finished") | .result'
            """)
    static let endsInOrder = true

    @OptionGroup var options: GlobalOptions
    @Argument(help: "Feeds; none: all, also those that are yet to be made.") var names: [String] = []
    @Flag(
        name: .long,
        help: "Print one JSON object a line: event, feed, id, item or result (base64 when it is no UTF-8), position.")
    var json = false

    func run(_ client: ThoonkClient) async throws {
        let events = try await names.isEmpty ? client.events() : client.events(of: names)
        var output = ItemOutput(json: json)
        do {
            for await event in events {
                guard let line = EventLine(event) else {
                    if case .missed(let reason) = event {
                        Terminal.writeError("tidings: \(EventLine.words(reason))\n")
                    }
                    continue
                }
                try output.line(raw: line.raw, line.object)
                try output.flush()
            }
        } catch let failure as ItemOutput.Failure where failure.isClosed {
            // As `tail -f FILE | head` does.
            return
        }
    }
}
