import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings queue`: Thoonk queues.
struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Thoonk queues: put, get, length.",
        discussion: """
            Examples:
              tidings queue put mail 'to: ada' 'to: grace'
              tidings queue put mail < mails.ndjson
              tidings queue get mail --timeout 10s

            Each item is delivered to one get, oldest first, and removed. It is lost if the program that got it crashes; use \
            'tidings job' where that must not happen. 'tidings feed' lists, creates, configures and deletes queues as well.
            """,
        subcommands: [QueuePut.self, QueueGet.self, QueueLength.self])
}

/// `tidings queue put`: puts items into a queue.
struct QueuePut: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Put items into a queue; prints their ids.",
        discussion: """
            Examples:
              tidings queue put mail 'to: ada'
              tidings queue put mail --priority 'to: grace'
              tidings queue put mail < mails.ndjson

            Items are put in batches of at most 500, each in one step. The ids are printed after each batch.
            """)

    @Argument(help: "The queue's name.") var name: String
    @OptionGroup var input: ItemInput
    @Flag(name: .long, help: "Put each batch at the head of the queue instead of at its end.") var priority =
        false
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        let queue = client.queue(name)
        var output = ItemOutput(json: json)
        try await input.batches { try output.ids(try await queue.put(all: $0, priority: priority)) }
    }
}

/// `tidings queue get`: gets items from a queue.
struct QueueGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Get items from a queue and print them; waits until there is one.",
        discussion: """
            Examples:
              tidings queue get mail
              tidings queue get mail --count 100 --timeout 0s --json

            It does not poll while it waits. Exit code 75 after the time-out or Ctrl-C.
            """)
    static let endsInOrder = true

    @Argument(help: "The queue's name.") var name: String
    @Option(name: .long, help: "How many at most, 1 to 1000; it waits for the first one only.") var count = 1
    @Option(
        name: .long, help: "How long to wait, such as 500ms or 10m; 0s: not at all. (default: without limit)")
    var timeout: TimeSpan?
    @Flag(name: .long, help: "Print one JSON object a line: id, item (base64 when it is no UTF-8).") var json = false
    @OptionGroup var options: GlobalFlags

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

/// `tidings queue length`: how many items wait.
struct QueueLength: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "length",
        abstract: "Print how many items wait in a queue.",
        discussion: "Example:\n  tidings queue length mail")

    @Argument(help: "The queue's name.") var name: String
    @Flag(name: .long, help: "Print a JSON object: length.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        try await client.require(name, .queue)
        let count = try await client.queue(name).count()
        var output = ItemOutput(json: json)
        try output.line("\(count)", ["length": .int(Int64(count))])
        try output.flush()
    }
}
