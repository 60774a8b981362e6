internal import Redis

/// A Thoonk queue: what is put is got by one, oldest first, and is gone then.
///
/// Get one by ``ThoonkClient/queue(_:)``. By the contract an item is lost when whoever got it dies, or when the reply to
/// a get is: what must not be lost is a ``Job``.
public struct Queue: FeedHandle {
    public static let type = FeedType.queue
    public let client: ThoonkClient
    public let name: String

    /// Puts an item.
    ///
    /// - Parameters:
    ///   - item: what is put.
    ///   - priority: before all that wait, instead of behind them.
    ///   - id: an own one, at most once while the item waits: the same put again changes nothing. So a put that failed
    ///     with ``ThoonkError/Code/uncertain`` can be repeated; it doubles the item only when that was got meanwhile.
    /// - Returns: the item's id.
    @discardableResult
    public func put(_ item: some ItemBytes, priority: Bool = false, id: String? = nil) async throws -> String {
        let id = try chosen(id)
        try await put([(id, item)], by: "queue_put", priority: priority)
        return id
    }

    /// Puts several items in one step. They are got in their order, also with priority.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func put(all items: [some ItemBytes], priority: Bool = false) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        let entries = items.map { (id: client.freshID(), item: $0) }
        try await put(entries, by: "queue_put", priority: priority)
        return entries.map(\.id)
    }

    /// Gets the next item; waits for one.
    ///
    /// - Parameter timeout: how long; nil: for as long as it takes. Zero does not wait.
    /// - Returns: nil when the time is over.
    /// - Throws: `CancellationError` when the task is cancelled: nothing was taken then, or it has been put back.
    ///   ``ThoonkError`` with code `uncertain` when a connection broke with an item perhaps on its way: that is lost.
    public func get(timeout: Duration? = nil) async throws -> FeedItem? {
        try await get(upTo: 1, timeout: timeout).first
    }

    /// Gets up to that many items, oldest first; waits until there is at least one.
    ///
    /// - Returns: an empty array when the time is over.
    public func get(upTo limit: Int, timeout: Duration? = nil) async throws -> [FeedItem] {
        try await client.core.take(GetRequest(kind: .queue, feed: name, limit: limit, claim: nil, timeout: timeout))
            .map { FeedItem(id: String(decoding: $0.id, as: UTF8.self), bytes: $0.bytes) }
    }

    /// The ids that wait, in the order in which they will be got.
    public func ids() async throws -> [String] {
        let ids = try await client.core.read(RedisCommand("LRANGE", "feed.ids:\(name)", "0", "-1")).array ?? []
        return ids.reversed().compactMap(\.text)
    }

    /// How many items wait.
    public func count() async throws -> Int {
        Int(try await client.core.read(RedisCommand("LLEN", "feed.ids:\(name)")).integer ?? 0)
    }
}
