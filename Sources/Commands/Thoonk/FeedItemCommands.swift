import ArgumentParser
import Console
import JSON
import Thoonk

/// `tidings feed get`: prints items, by id or all.
struct FeedGet: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print the items with these ids, or all items in the feed's order.",
        discussion: """
            Examples:
              tidings feed get news --json
              tidings feed get news 17

            With ids, it works for queues and job feeds, too. Nothing is removed.
            """)

    @Argument(help: "The feed's name.") var name: String
    @Argument(help: "Ids of items. (default: all items)") var ids: [String] = []
    @Flag(name: .long, help: "Print one JSON object a line: id, item (base64 when it is no UTF-8).") var json = false
    @OptionGroup var options: GlobalFlags

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
                    "'\(name)' is a \(type.rawValue): give ids; 'tidings feed ids \(name)' lists them", exitCode: 2)
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

/// `tidings feed ids`: prints the ids in a feed of any type.
struct FeedIds: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "ids",
        abstract: "Print the ids of a feed's items, in its order.",
        discussion: """
            Example:
              tidings feed ids news

            For a queue, the order is the one in which its items will be delivered. For a job feed, all unfinished jobs \
            are listed in no particular order.
            """)

    @Argument(help: "The feed's name.") var name: String
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        let ids =
            switch try await client.type(of: name) {
            case .feed: try await client.feed(name).ids()
            case .sortedFeed: try await client.sortedFeed(name).ids()
            case .queue: try await client.queue(name).ids()
            case .job: try await client.job(name).ids()
            }
        var output = ItemOutput(json: json)
        try output.ids(ids)
    }
}

/// `tidings feed publish`: publishes items in a feed.
struct FeedPublish: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publish items in a feed; prints their ids.",
        discussion: """
            Examples:
              tidings feed publish news 'hello' 'world'
              tidings feed publish news --id weather 'rain'
              tidings feed publish log < app.ndjson

            If the id exists, its item is replaced and moves to the end. Items are published in batches of at most 500, each \
            in one step. The ids are printed after each batch.
            """)

    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var input: ItemInput
    @Option(name: .long, help: "The id, for a single item. (default: a new id)") var id: String?
    @Flag(name: .long, help: "Print one JSON object a line: id.") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        if id != nil, input.items.count != 1 { throw ValidationError("--id is for a single item; give one") }
    }

    func run(_ client: ThoonkClient) async throws {
        let feed = client.feed(name)
        var output = ItemOutput(json: json)
        if let id {
            let item = try StandardInput.bytes(of: input.items[0])
            return try output.ids([try await feed.publish(item, id: id)])
        }
        try await input.batches { try output.ids(try await feed.publish(all: $0)) }
    }
}

/// `tidings feed retract`: removes items from a feed.
struct FeedRetract: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "retract",
        abstract: "Remove items from a feed or a sorted feed.",
        discussion: "Example:\n  tidings feed retract news 17 18")

    @Argument(help: "The feed's name.") var name: String
    @Argument(help: "Ids of items.") var ids: [String]
    @Flag(name: .long, help: "Print one JSON object a line: id, outcome (done or absent).") var json = false
    @OptionGroup var options: GlobalFlags

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
                    throw CommandError("'\(name)' is a queue; use 'tidings queue get' to remove items", exitCode: 2)
                }
            try report.add(id, was ? "done" : "absent", fault: was ? nil : "there is no item '\(id)' in '\(name)'")
        }
        try report.finish()
    }
}
