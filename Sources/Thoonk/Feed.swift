internal import Redis

/// A Thoonk feed: items in the order of their publication. When there are more than `max_length`, the oldest are
/// removed.
///
/// Get one from ``ThoonkClient/feed(_:)``. Every verb is one atomic step that includes its announcement.
public struct Feed: FeedHandle {
    public static let type = FeedType.feed
    public let client: ThoonkClient
    public let name: String

    /// Creates the feed.
    ///
    /// - Parameter maxLength: how many items it keeps; nil or 0: all.
    /// - Returns: false when the feed exists; its configuration is left as it is.
    @discardableResult
    public func create(maxLength: Int?) async throws -> Bool {
        try await create(maxLength.map { ["max_length": String($0)] } ?? [:])
    }

    /// Publishes an item. If the id exists, its item is replaced and moves to the end.
    ///
    /// - Parameters:
    ///   - item: the item's content.
    ///   - id: the item's id; nil: a new id of 32 hexadecimal digits, or the next sequence number in the feed of a
    ///     pipeline's channel.
    /// - Returns: the item's id.
    /// - Throws: ``ThoonkError`` with code `sequenced` when an id is given for the feed of a pipeline's channel.
    @discardableResult
    public func publish(_ item: some ItemBytes, id: String? = nil) async throws -> String {
        var command = command("publish", client.instance, id == nil ? "0" : "1", try chosen(id))
        command.append(item.itemBytes)
        return try await client.core.call(command).array?.first?.text ?? ""
    }

    /// Publishes several items, in their order, in one step.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func publish(all items: [some ItemBytes]) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        var command = command("publish", client.instance, "0")
        for item in items {
            command.append(client.freshID())
            command.append(item.itemBytes)
        }
        let answer = try await client.core.call(command).array ?? []
        return stride(from: 0, to: answer.count, by: 2).map { answer[$0].text ?? "" }
    }

    /// Removes an item from the feed.
    ///
    /// - Returns: false when there was no such item.
    @discardableResult
    public func retract(_ id: String) async throws -> Bool {
        try await client.core.call(command("retract", id)).integer == 1
    }

    /// The ids of all items, oldest first.
    public func ids() async throws -> [String] {
        try await client.core.read(readingCommand("ids")).array?.compactMap(\.text) ?? []
    }

    /// All items, oldest first.
    public func all() async throws -> [FeedItem] {
        try await client.core.read(readingCommand("all")).feedItems
    }

    /// How many items it holds.
    public func count() async throws -> Int {
        Int(try await client.core.read(RedisCommand("ZCARD", "feed.ids:\(name)")).integer ?? 0)
    }

    /// How many items were ever published, edits included.
    public func publishes() async throws -> Int {
        try await counter("publishes")
    }
}
