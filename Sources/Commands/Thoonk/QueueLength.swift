import ArgumentParser
import JSON
import Thoonk

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
