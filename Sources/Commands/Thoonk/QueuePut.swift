import ArgumentParser
import Thoonk

/// `tidings queue put`: items into a queue.
struct QueuePut: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Put items into a queue; prints their ids.",
        discussion: """
            Many items are put together: each such batch, of 500 at most, is one step. The ids of what is in are printed, \
            batch by batch.

            Examples:
              tidings queue put mail 'to: ada'
              tidings queue put mail --priority 'to: grace'
              tidings queue put mail < mails.ndjson
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The queue's name.") var name: String
    @OptionGroup var input: ItemInput
    @Flag(name: .long, help: "Before all that wait, instead of behind them; each batch for itself.") var priority =
        false
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func run(_ client: ThoonkClient) async throws {
        let queue = client.queue(name)
        var output = ItemOutput(json: json)
        try await input.batches { try output.ids(try await queue.put(all: $0, priority: priority)) }
    }
}
