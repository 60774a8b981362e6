import ArgumentParser
import JSON
import Thoonk

/// `tidings feed configure`: a feed's configuration, to read and to change.
struct FeedConfigure: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "configure",
        abstract: "Change fields of a feed's configuration, or show it.",
        discussion: """
            Fields that are not named stay. Without any it prints the whole configuration, FIELD=VALUE a line.

            Examples:
              tidings feed configure news
              tidings feed configure news --max-length 500 title=News
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var settings: FeedSettings
    @Flag(name: .long, help: "Print the configuration as a JSON object.") var json = false

    func run(_ client: ThoonkClient) async throws {
        _ = try await client.type(of: name)
        let feed = client.feed(name)
        let changes = settings.all
        if !changes.isEmpty { try await feed.configure(changes) }
        guard changes.isEmpty || json else { return }
        let fields = try await feed.configuration().sorted { $0.key < $1.key }
        var output = ItemOutput(json: json)
        if json {
            try output.line("", JSONObject(members: fields.map { (key: $0.key, value: JSON.string($0.value)) }))
        } else {
            for field in fields { try output.line("\(field.key)=\(field.value)", [:]) }
        }
        try output.flush()
    }
}
