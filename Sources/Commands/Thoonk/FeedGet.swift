import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings feed get`: items of a feed, by id or all.
struct FeedGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print items: those with the ids given, or all of a feed, in its order.",
        discussion: """
            By id also of a queue or a job feed; nothing is taken out.

            Examples:
              tidings feed get news --json
              tidings feed get news 17
            """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The feed's name.") var name: String
    @Argument(help: "Ids of items; none: all items.") var ids: [String] = []
    @Flag(name: .long, help: "Print one JSON object a line: id, item (base64 when it is no UTF-8).") var json = false

    func run(_ client: ThoonkClient) async throws {
        var output = ItemOutput(json: json)
        for item in try await items(client) {
            try output.line(
                raw: [item.bytes], JSONObject(members: [("id", .string(item.id)), ItemOutput.member(item.bytes)]))
        }
        try output.flush()
    }

    private func items(_ client: ThoonkClient) async throws -> [FeedItem] {
        let type = try await client.type(of: name)
        if ids.isEmpty {
            switch type {
            case .feed: return try await client.feed(name).all()
            case .sortedFeed: return try await client.sortedFeed(name).all()
            case .queue, .job:
                throw CommandError(
                    "'\(name)' is a \(type.rawValue); name ids, as 'tidings feed ids \(name)' lists them", exitCode: 2)
            }
        }
        var found: [FeedItem] = []
        for id in ids {
            guard let bytes = try await client.feed(name).item(id) else {
                throw CommandError("there is no item '\(id)' in '\(name)'; see 'tidings feed ids \(name)'")
            }
            found.append(FeedItem(id: id, bytes: bytes))
        }
        return found
    }
}
