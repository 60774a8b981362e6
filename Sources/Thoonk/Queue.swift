internal import Redis

/// A Thoonk queue: each item is delivered to one get, oldest first, and removed.
///
/// Get one from ``ThoonkClient/queue(_:)``. By the contract an item is lost when the process that got it crashes, or
/// when the reply to the get is lost. Use a ``Job`` for what must not be lost.
public struct Queue: FeedHandle {
    public static let type = FeedType.queue
    public let client: ThoonkClient
    public let name: String

    /// Puts an item.
    ///
    /// - Parameters:
    ///   - item: the item's content.
    ///   - priority: true: at the head of the list instead of at its end.
    ///   - id: the item's id; nil: a new one. While an item with this id waits, another put with it changes nothing. So
    ///     a put that failed with ``ThoonkError/Code/uncertain`` can be repeated; the item is doubled only if it was
    ///     got meanwhile.
    /// - Returns: the item's id.
    @discardableResult
    public func put(_ item: some ItemBytes, priority: Bool = false, id: String? = nil) async throws -> String {
        let id = try chosen(id)
        try await put([(id, item)], by: "queue_put", priority: priority)
        return id
    }

    /// Puts several items in one step. They keep their order, also with priority.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func put(all items: [some ItemBytes], priority: Bool = false) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        let entries = items.map { (id: client.freshID(), item: $0) }
        try await put(entries, by: "queue_put", priority: priority)
        return entries.map(\.id)
    }

    /// Gets the next item, or waits for one.
    ///
    /// - Parameter timeout: how long to wait; nil: without limit; zero: not at all.
    /// - Returns: nil after the time-out.
    /// - Throws: `CancellationError` when the task is cancelled; nothing was taken then, or it has been put back.
    ///   ``ThoonkError`` with code `uncertain` when the connection broke while an item may have been on its way; that
    ///   item is lost.
    public func get(timeout: Duration? = nil) async throws -> FeedItem? {
        try await get(upTo: 1, timeout: timeout).first
    }

    /// Gets up to `limit` items, oldest first, or waits until there is at least one.
    ///
    /// - Returns: an empty array after the time-out.
    public func get(upTo limit: Int, timeout: Duration? = nil) async throws -> [FeedItem] {
        try await client.core.take(GetRequest(kind: .queue, feed: name, limit: limit, claim: nil, timeout: timeout))
            .map { FeedItem(id: String(decoding: $0.id, as: UTF8.self), bytes: $0.bytes) }
    }

    /// The ids of the waiting items, in the order in which they will be delivered.
    public func ids() async throws -> [String] {
        let ids = try await client.core.read(RedisCommand("LRANGE", "feed.ids:\(name)", "0", "-1")).array ?? []
        return ids.reversed().compactMap(\.text)
    }

    /// How many items wait.
    public func count() async throws -> Int {
        Int(try await client.core.read(RedisCommand("LLEN", "feed.ids:\(name)")).integer ?? 0)
    }
}
