import ArgumentParser
import Thoonk

/// `tidings job put`: jobs into a job feed.
struct JobPut: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Put jobs; prints their ids.",
        discussion: """
            Many jobs are put together: each such batch, of 500 at most, is one step. The ids of what is in are printed, \
            batch by batch. With an id of your own the same put again changes nothing while the job is not finished.

            Examples:
              tidings job put mail 'to: ada'
              tidings job put mail --id order-17 'to: grace'
              tidings job put mail < mails.ndjson
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The job feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "The job's id, for one job. (default: a fresh one)") var id: String?
    @Flag(name: .long, help: "Before all that wait, instead of behind them; each batch for itself.") var priority =
        false
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false

    func validate() throws {
        if id != nil, input.items.count != 1 { throw ValidationError("--id is that of one job; give one") }
    }

    func run(_ client: ThoonkClient) async throws {
        let job = client.job(name)
        var output = ItemOutput(json: json)
        if let id {
            let item = try StandardInput.bytes(of: input.items[0])
            return try output.ids([try await job.put(item, priority: priority, id: id)])
        }
        try await input.batches { try output.ids(try await job.put(all: $0, priority: priority)) }
    }
}
