public import Logging
internal import Redis

/// A client of the Thoonk contract: feeds, sorted feeds, queues and jobs in one Redis, shared with any other client.
///
/// A client has a thread of its own and one connection, which reconnects by itself; waiting gets and events open a
/// second one. Any number of tasks may share a client: their commands are pipelined on its connection. The client ends
/// with ``close()``, or when its last reference is released.
///
/// ```swift
/// let client = try ThoonkClient()
/// let jobs = client.job("mail")
/// try await jobs.put("to: ada")
/// if let claim = try await jobs.get(timeout: .seconds(10)) {
///     try await jobs.finish(claim, result: "sent")
/// }
/// ```
public final class ThoonkClient: Sendable {
    /// Identifies this client in the announcements of feeds that it creates, configures and deletes.
    public let instance: String
    /// The actor that runs on the client's thread. It is an internal type of its own since the optimiser fails on an
    /// `isolated deinit` that other modules can see.
    let core: ThoonkCore

    /// Creates a client, which connects with its first verb.
    ///
    /// - Parameters:
    ///   - redis: `redis://[user:password@]host[:port][/database]` or `unix:///path`.
    ///   - options: time-outs, buffers and logging.
    /// - Throws: ``ThoonkError``: `invalid` for an address that cannot be used, `refused` when the system has no thread
    ///   or descriptor left.
    public init(redis: String = "redis://127.0.0.1:6379/0", options: ThoonkOptions = ThoonkOptions())
        throws(ThoonkError)
    {
        core = try ThoonkCore(redis: redis, options: options)
        instance = ThoonkClient.makeID()
    }

    /// A handle for the feed of that name; sends nothing. The same holds for the other types.
    public func feed(_ name: String) -> Feed { Feed(client: self, name: name) }
    public func sortedFeed(_ name: String) -> SortedFeed { SortedFeed(client: self, name: name) }
    public func queue(_ name: String) -> Queue { Queue(client: self, name: name) }
    public func job(_ name: String) -> Job { Job(client: self, name: name) }

    /// All feeds, of every type, in no particular order. Feeds of a pipeline's channels, such as `{thread:42}`, are
    /// among them.
    ///
    /// The list is read page by page: a feed that is created or deleted meanwhile may be in it or not.
    ///
    /// - Parameter pattern: only names that match it, as `MATCH` of Redis does: `*`, `?`, `[a-z]`, and `\` before a sign
    ///   that stands for itself.
    public func feeds(matching pattern: String = "*") async throws -> [FeedSummary] {
        var cursor = "0"
        var seen: Set<[UInt8]> = []
        var found: [FeedSummary] = []
        func command(_ cursor: String) -> RedisCommand {
            RedisCommand("FCALL_RO", "thoonk_feeds", "0", cursor, "500", pattern)
        }
        repeat {
            let page = try await core.read(command(cursor)).array ?? []
            cursor = page.first?.text ?? "0"
            for index in stride(from: 1, to: page.count - 1, by: 2) where seen.insert(page[index].bytes ?? []).inserted
            {
                found.append(FeedSummary(name: page[index].text ?? "", typeName: page[index + 1].text ?? ""))
            }
        } while cursor != "0"
        return found
    }

    /// Whether a feed of that name exists, of any type.
    public func exists(_ name: String) async throws -> Bool {
        try await core.read(RedisCommand("SISMEMBER", "feeds", name)).integer == 1
    }

    /// Follows some feeds: the stream has all their events from when this returns. The feeds need not exist.
    ///
    /// - Throws: ``ThoonkError`` with code `unreachable` when Redis does not confirm the subscription within
    ///   ``ThoonkOptions/connectTimeout``.
    public func events(of feeds: [String]) async throws -> FeedEvents {
        try await core.subscribe(to: feeds)
    }

    /// Follows all feeds, including those created later. See ``events(of:)``.
    public func events() async throws -> FeedEvents {
        try await core.subscribe(to: nil)
    }

    /// Closes the connections and ends the thread. Waiting verbs fail with ``ThoonkError/Code/closed``. Items on their
    /// way to a get are put back first, which takes ``ThoonkOptions/connectTimeout`` at most.
    ///
    /// A closed client cannot be opened again.
    public func close() async {
        await core.close()
    }

    func freshID() -> String { ThoonkClient.makeID() }

    /// 128 random bits, as 32 hexadecimal digits.
    private static func makeID() -> String {
        let digits = Array("0123456789abcdef".utf8)
        var id: [UInt8] = []
        id.reserveCapacity(32)
        for _ in 0..<2 {
            var bits = UInt64.random(in: 0 ... .max)
            for _ in 0..<16 {
                id.append(digits[Int(bits & 15)])
                bits >>= 4
            }
        }
        return String(decoding: id, as: UTF8.self)
    }
}

/// Time-outs, buffers and logging of a ``ThoonkClient``.
public struct ThoonkOptions: Sendable {
    /// How long a verb waits for a connection before it fails with ``ThoonkError/Code/unreachable``. A get that waits
    /// has its own time-out instead.
    public var connectTimeout: Duration
    /// How many events a ``FeedEvents`` keeps for a slow consumer. When the buffer is full, new events are dropped and
    /// ``FeedEvent/missed(_:)`` says so.
    public var eventBuffer: Int
    /// The name of the connection in `CLIENT LIST`.
    public var name: String
    /// Where lost connections are logged; nil: nowhere.
    public var logger: Logger?
    /// See ``BlockingGets/pollInterval``; tests shorten it.
    var pollInterval = BlockingGets.pollInterval

    public init(
        connectTimeout: Duration = .seconds(5), eventBuffer: Int = 10_000, name: String = "thoonk",
        logger: Logger? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.eventBuffer = eventBuffer
        self.name = name
        self.logger = logger
    }
}
