public import ArgumentParser
import Console
import JSON
public import Thoonk

/// `tidings feed`: feeds and sorted feeds, and the operations that all types of feed share.
struct FeedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feed",
        abstract: "Thoonk feeds: list, create, publish, read, follow; sorted feeds.",
        discussion: """
            Examples:
              tidings feed create news --max-length 100
              tidings feed publish news 'hello'
              tail -f app.ndjson | tidings feed publish log
              tidings feed get news --json
              tidings feed tail news --json | jq .item
              tidings feed insert agenda --after 3 'coffee'

            An item may be any bytes. 'publish' is for feeds; append, prepend, insert, edit and move are for sorted feeds, \
            whose order you choose. list, create, configure, delete and tail work with queues and job feeds, too. Adding an \
            item to a missing feed creates it.
            """,
        subcommands: [
            FeedList.self, FeedCreate.self, FeedConfigure.self, FeedDelete.self, FeedGet.self, FeedIds.self,
            FeedPublish.self, FeedRetract.self, FeedTail.self, FeedAppend.self, FeedPrepend.self, FeedInsert.self,
            FeedEdit.self, FeedMove.self,
        ])
}

/// `tidings feed list`: the existing feeds.
struct FeedList: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List feeds of all types: type, name.",
        discussion: """
            Examples:
              tidings feed list --type job
              tidings feed list --match '{thread:*}' --limit 100
              tidings feed list --match '{thread:*}' --limit 100 --after '{thread:1099}'

            Feeds of a pipeline's channels, such as {thread:42}, are included. They are listed by name. With --limit the \
            next ones are those after the last name: --after.
            """)

    @Option(name: .long, help: "Only those of this type.") var type: FeedType?
    @Option(name: .long, help: "Only names that match: * ? [a-z] as in Redis' MATCH.") var match = "*"
    @Option(name: .long, help: "At most that many.") var limit: Int?
    @Option(name: .long, help: "Only names that come after this one.") var after: String?
    @Flag(name: .long, help: "Print one JSON object a line: name, type.") var json = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is 1 or more, not \(limit)") }
    }

    func run(_ client: ThoonkClient) async throws {
        var output = ItemOutput(json: json)
        let feeds = try await client.feeds(matching: match).filter { feed in
            (type == nil || feed.type == type) && after.map { $0 < feed.name } != false
        }
        for feed in feeds.sorted(by: { $0.name < $1.name }).prefix(limit ?? .max) {
            try output.line(
                raw: [Array(feed.typeName.utf8), Array(feed.name.utf8)],
                ["name": .string(feed.name), "type": .string(feed.typeName)])
        }
        try output.flush()
    }
}

extension FeedType: ExpressibleByArgument {}

/// `tidings feed create`: creates a feed of any type.
struct FeedCreate: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a feed of any type.",
        discussion: """
            Examples:
              tidings feed create news --max-length 100
              tidings feed create mail --type job --claim-timeout 5m
              tidings feed create agenda --type sorted_feed title=today

            An existing feed is left as it is; if it is of another type, that is an error.
            """)

    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var settings: FeedFlags
    @Option(name: .long, help: "Its type.") var type = FeedType.feed
    @Flag(name: .long, help: "Print a JSON object: name, created.") var json = false
    @OptionGroup var options: GlobalFlags

    func run(_ client: ThoonkClient) async throws {
        let all = settings.all
        let isNew =
            switch type {
            case .feed: try await client.feed(name).create(all)
            case .sortedFeed: try await client.sortedFeed(name).create(all)
            case .queue: try await client.queue(name).create(all)
            case .job: try await client.job(name).create(all)
            }
        var output = ItemOutput(json: json)
        try output.line(
            isNew ? "\(name) created" : "\(name) was there; 'tidings feed configure \(name)' shows its configuration",
            ["name": .string(name), "created": .bool(isNew)])
        try output.flush()
    }
}

/// `tidings feed configure`: reads or changes a feed's configuration.
struct FeedConfigure: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "configure",
        abstract: "Change fields of a feed's configuration, or show it.",
        discussion: """
            Examples:
              tidings feed configure news
              tidings feed configure news --max-length 500 title=News

            Other fields are left as they are. Without a field, it prints the whole configuration, one FIELD=VALUE a line.
            """)

    @Argument(help: "The feed's name.") var name: String
    @OptionGroup var settings: FeedFlags
    @Flag(name: .long, help: "Print the configuration as a JSON object.") var json = false
    @OptionGroup var options: GlobalFlags

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

/// `tidings feed delete`: deletes a feed of any type.
struct FeedDelete: ThoonkCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a feed of any type with all its items.",
        discussion: "Example:\n  tidings feed delete news --yes")

    @Argument(help: "The feed's name.") var name: String
    @Flag(name: .long, help: "Confirm: the items cannot be restored.") var yes = false
    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard yes else {
            throw ValidationError("this deletes '\(name)' and every item in it; confirm with --yes")
        }
    }

    func run(_ client: ThoonkClient) async throws {
        guard try await client.feed(name).delete() else {
            throw CommandError("there is no feed '\(name)'; 'tidings feed list' shows all feeds")
        }
        Terminal.write("\(name) deleted\n")
    }
}

/// Fields of a feed's configuration, for `feed create` and `feed configure`.
struct FeedFlags: ParsableArguments, Sendable {
    @Argument(help: ArgumentHelp("Fields of the configuration: FIELD=VALUE.", valueName: "field=value"))
    var fields: [FieldValue] = []

    @Option(name: .long, help: "How many items a feed keeps; 0: all. The same as max_length=N.")
    var maxLength: Int?

    @Option(
        name: .long,
        help: """
            How long a claim on a job lasts by default, such as 90s. Also applies to claims that other clients make \
            without a deadline. The same as claim_timeout=MS.
            """)
    var claimTimeout: TimeSpan?

    func validate() throws {
        if let maxLength, maxLength < 0 { throw ValidationError("--max-length takes a whole number from 0") }
        try check("max_length", takes: "a whole number from 0", 0...Int.max)
        try check("claim_timeout", takes: "whole milliseconds from 1; --claim-timeout takes a time", 1...Int.max)
        if fields.contains(where: { $0.field == "type" }) {
            throw ValidationError("the type is set with 'feed create NAME --type TYPE' and cannot be changed")
        }
    }

    /// Checks a field that has a meaning for every feed. An empty value is allowed: it unsets the field.
    private func check(_ name: String, takes what: String, _ range: ClosedRange<Int>) throws {
        for field in fields where field.field == name && !field.value.isEmpty {
            guard let number = Int(field.value), range.contains(number) else {
                throw ValidationError("\(name) is '\(field.value)'; it takes \(what)")
            }
        }
    }

    var all: [String: String] {
        var all = Dictionary(fields.map { ($0.field, $0.value) }) { $1 }
        if let maxLength { all["max_length"] = String(maxLength) }
        if let claimTimeout { all["claim_timeout"] = String(claimTimeout.milliseconds) }
        return all
    }
}

/// `FIELD=VALUE` on the command line. The value may be empty and may contain `=`.
struct FieldValue: ExpressibleByArgument, Sendable {
    let field: String
    let value: String

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        field = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }
}
