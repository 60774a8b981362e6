public import Logging
internal import Redis

/// A client of the Thoonk contract: feeds, sorted feeds, queues and jobs in one Redis, shared with any other client.
///
/// It has a thread of its own, a connection that heals itself, and, once something waits or follows events, a second
/// one. Any number of tasks may use it at once: their commands share the connection, and leave together. It ends with
/// ``close()``, or with its last reference.
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
    /// Stands in the announcements of what this client creates, configures and deletes.
    public let instance: String
    /// What runs on the client's thread. A client is an object of its own beside it: whoever optimises across modules
    /// cannot deal with an `isolated deinit` that it can see.
    let core: ThoonkCore

    /// Makes a client; it connects with its first verb.
    ///
    /// - Parameters:
    ///   - redis: `redis://[user:password@]host[:port][/database]` or `unix:///path`.
    ///   - options: how it behaves.
    /// - Throws: ``ThoonkError``: `invalid` for an address that cannot be used, `refused` when the system has no thread
    ///   or descriptor left.
    public init(redis: String = "redis://127.0.0.1:6379/0", options: ThoonkOptions = ThoonkOptions())
        throws(ThoonkError)
    {
        core = try ThoonkCore(redis: redis, options: options)
        instance = ThoonkClient.makeID()
    }

    public func feed(_ name: String) -> Feed { Feed(client: self, name: name) }
    public func sortedFeed(_ name: String) -> SortedFeed { SortedFeed(client: self, name: name) }
    public func queue(_ name: String) -> Queue { Queue(client: self, name: name) }
    public func job(_ name: String) -> Job { Job(client: self, name: name) }

    /// All feeds, of every type, in no order. Those of a pipeline's channels are among them: `{thread:42}`.
    ///
    /// Read page by page: what is created or deleted meanwhile may be in it or not.
    public func feeds() async throws -> [FeedSummary] {
        var cursor = "0"
        var seen: Set<[UInt8]> = []
        var found: [FeedSummary] = []
        repeat {
            let page = try await core.read(RedisCommand("FCALL_RO", "thoonk_feeds", "0", cursor, "500")).array ?? []
            cursor = page.first?.text ?? "0"
            for index in stride(from: 1, to: page.count - 1, by: 2) where seen.insert(page[index].bytes ?? []).inserted
            {
                found.append(FeedSummary(name: page[index].text ?? "", typeName: page[index + 1].text ?? ""))
            }
        } while cursor != "0"
        return found
    }

    /// Whether there is a feed of that name, of any type.
    public func exists(_ name: String) async throws -> Bool {
        try await core.read(RedisCommand("SISMEMBER", "feeds", name)).integer == 1
    }

    /// Follows some feeds: everything that happens to them from the moment on at which this returns. They need not exist.
    ///
    /// - Throws: ``ThoonkError`` with code `unreachable` when Redis does not confirm the subscription within the client's
    ///   patience.
    public func events(of feeds: [String]) async throws -> FeedEvents {
        try await core.subscribe(to: feeds)
    }

    /// Follows all feeds, also those that are yet to be made. See ``events(of:)``.
    public func events() async throws -> FeedEvents {
        try await core.subscribe(to: nil)
    }

    /// Closes the connections and ends the thread. What waits fails with ``ThoonkError/Code/closed``; items that are on
    /// their way to a get are put back first, for which this waits, at most for the client's `connectTimeout`.
    ///
    /// A client that is closed stays so.
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

/// How a ``ThoonkClient`` behaves.
public struct ThoonkOptions: Sendable {
    /// How long a verb waits for a connection before it fails with ``ThoonkError/Code/unreachable``. A waiting get waits
    /// for its own time-out instead.
    public var connectTimeout: Duration
    /// How many events a ``FeedEvents`` keeps for a consumer that is slow. When it is full the newest are dropped, and
    /// the consumer is told by ``FeedEvent/missed(_:)``.
    public var eventBuffer: Int
    /// What `CLIENT LIST` shows.
    public var name: String
    /// Where lost connections are told of; nil: nowhere.
    public var logger: Logger?

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
