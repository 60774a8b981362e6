internal import Redis

/// A Thoonk sorted feed: items in an order that its users choose.
///
/// Get one from ``ThoonkClient/sortedFeed(_:)``. Ids are counted up from 1. Every verb is one atomic step that includes
/// its announcements.
public struct SortedFeed: FeedHandle {
    public static let type = FeedType.sortedFeed
    public let client: ThoonkClient
    public let name: String

    /// Adds an item at the end. Returns its id.
    @discardableResult
    public func append(_ item: some ItemBytes) async throws -> String {
        try await publish(item, at: .last)
    }

    /// Adds an item at the beginning. Returns its id.
    @discardableResult
    public func prepend(_ item: some ItemBytes) async throws -> String {
        try await publish(item, at: .first)
    }

    /// Adds an item at a position.
    ///
    /// - Returns: its id.
    /// - Throws: ``ThoonkError`` with code `noItem` when the neighbour does not exist; no id is used up.
    @discardableResult
    public func publish(_ item: some ItemBytes, at position: FeedPosition) async throws -> String {
        try await publish(all: [item.itemBytes], at: position).first ?? ""
    }

    /// Adds several items at a position, in their order, in one step.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func publish(all items: [some ItemBytes], at position: FeedPosition = .last) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        let (place, other) = position.words
        var command = command("sorted_put", client.instance, place, other)
        for item in items { command.append(item.itemBytes) }
        return try await client.core.call(command).array?.compactMap(\.text) ?? []
    }

    /// Replaces the content of an item, which keeps its position.
    ///
    /// - Throws: ``ThoonkError`` with code `noItem` when there is no such item.
    public func edit(_ id: String, _ item: some ItemBytes) async throws {
        var command = command("sorted_edit", id)
        command.append(item.itemBytes)
        _ = try await client.core.call(command)
    }

    /// Moves an item to another position.
    ///
    /// - Throws: ``ThoonkError`` with code `noItem` when the item or the neighbour does not exist; nothing is moved.
    public func move(_ id: String, to position: FeedPosition) async throws {
        let (place, other) = position.words
        _ = try await client.core.call(command("sorted_move", id, place, other))
    }

    /// Removes an item from the feed.
    ///
    /// - Returns: false when there was no such item.
    @discardableResult
    public func retract(_ id: String) async throws -> Bool {
        try await client.core.call(command("sorted_retract", id)).integer == 1
    }

    /// The ids of all items, in the feed's order.
    public func ids() async throws -> [String] {
        try await client.core.read(RedisCommand("LRANGE", "feed.ids:\(name)", "0", "-1")).array?.compactMap(\.text)
            ?? []
    }

    /// All items, in the feed's order.
    public func all() async throws -> [FeedItem] {
        try await client.core.read(readingCommand("sorted_all")).feedItems
    }

    /// How many items it holds.
    public func count() async throws -> Int {
        Int(try await client.core.read(RedisCommand("LLEN", "feed.ids:\(name)")).integer ?? 0)
    }
}

/// A position in a sorted feed.
public enum FeedPosition: Sendable, Equatable {
    case first
    case last
    /// Right before the item with this id.
    case before(String)
    /// Right after the item with this id.
    case after(String)

    /// Reads an announced position: `begin:`, `:end`, `:OTHER`, `OTHER:`. Nil for anything else.
    init?(announced text: String) {
        switch text {
        case "begin:": self = .first
        case ":end": self = .last
        case _ where text.utf8.first == UInt8(ascii: ":"): self = .before(String(text.dropFirst()))
        case _ where text.utf8.last == UInt8(ascii: ":"): self = .after(String(text.dropLast()))
        default: return nil
        }
    }

    /// The position in the words of the functions.
    var words: (place: String, other: String) {
        switch self {
        case .first: ("first", "")
        case .last: ("last", "")
        case .before(let other): ("before", other)
        case .after(let other): ("after", other)
        }
    }
}
