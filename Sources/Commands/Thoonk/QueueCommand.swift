import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings queue`: queues of the Thoonk contract.
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Thoonk queues: put, get, length.",
        discussion: """
            What is put is got by one, oldest first, and is gone then. What must not be lost when its taker dies is a job: \
            see 'tidings job'. 'tidings feed' lists, creates, configures and deletes queues as well.

            Examples:
              tidings queue put mail 'to: ada' 'to: grace'
              tidings queue put mail < mails.ndjson
              tidings queue get mail --timeout 10s
            """,
        subcommands: [QueuePut.self, QueueGet.self, QueueLength.self])
}

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

/// `tidings queue get`: takes items out of a queue.
struct QueueGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Take items out of a queue and print them; waits until there is one.",
        discussion: """
            Waiting costs Redis nothing. Exit code 75 when nothing came in time, or at Ctrl-C.

            Examples:
              tidings queue get mail
              tidings queue get mail --count 100 --timeout 0s --json
            """)
    static let endsInOrder = true

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The queue's name.") var name: String
    @Option(name: .long, help: "How many at most, 1 to 1000; it waits for the first only.") var count = 1
    @Option(
        name: .long, help: "How long to wait, such as 500ms or 10m; 0s: not at all. (default: for as long as it takes)")
    var timeout: TimeSpan?
    @Flag(name: .long, help: "Print one JSON object a line: id, item (base64 when it is no UTF-8).") var json = false

    func validate() throws {
        guard (1...1000).contains(count) else { throw ValidationError("--count takes 1 to 1000") }
    }

    func run(_ client: ThoonkClient) async throws {
        let items = try await client.queue(name).get(upTo: count, timeout: timeout?.duration)
        guard !items.isEmpty else {
            throw CommandError("nothing came into '\(name)' within \(timeout?.text ?? "")", exitCode: 75)
        }
        var output = ItemOutput(json: json)
        for item in items {
            try output.line(
                raw: [item.bytes], JSONObject(members: [("id", .string(item.id)), ItemOutput.member(item.bytes)]))
        }
        try output.flush()
    }
}

/// `tidings queue length`: how much waits.
struct QueueLength: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "length",
        abstract: "Print how many items wait in a queue.",
        discussion: "Example:\n  tidings queue length mail")

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The queue's name.") var name: String
    @Flag(name: .long, help: "Print a JSON object: length.") var json = false

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .queue)
        let count = try await client.queue(name).count()
        var output = ItemOutput(json: json)
        try output.line("\(count)", ["length": .int(Int64(count))])
        try output.flush()
    }
}
