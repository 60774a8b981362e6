import ArgumentParser
import Console
import JSON
import Supervision
import Thoonk

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
