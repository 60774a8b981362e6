internal import Events
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
public actor ThoonkClient {
    /// Stands in the announcements of what this client creates, configures and deletes.
    public nonisolated let instance: String
    /// The client runs on a thread of its own.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let options: ThoonkOptions
    let address: RedisAddress
    var state = LinkState.new
    var link: ThoonkLink?
    /// Verbs that wait for a connection.
    var parked = ParkedTasks()
    /// Waiting gets, by what they wait for.
    var desks: [DeskKey: GetDesk] = [:]
    /// Who follows what, and the streams by their follower's id.
    var followers = Followers()
    var streams: [UInt64: EventStream] = [:]
    /// Commands on their way that must not be cut off by ``close()``: they may hold items.
    var holdingItems = 0
    var lastID: UInt64 = 0
    private let thread: LoopThread

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
        do throws(RedisError) { address = try RedisAddress(url: redis) } catch { throw ThoonkError(error) }
        do throws(EventsError) { thread = try LoopThread(name: "thoonk") } catch { throw ThoonkError(error) }
        self.options = options
        instance = ThoonkClient.makeID()
    }

    isolated deinit {
        endStreams()
        disconnect()
        thread.stop()
    }

    public nonisolated func feed(_ name: String) -> Feed { Feed(client: self, name: name) }
    public nonisolated func sortedFeed(_ name: String) -> SortedFeed { SortedFeed(client: self, name: name) }
    public nonisolated func queue(_ name: String) -> Queue { Queue(client: self, name: name) }
    public nonisolated func job(_ name: String) -> Job { Job(client: self, name: name) }

    /// All feeds, of every type, in no order. Those of a pipeline's channels are among them: `{thread:42}`.
    ///
    /// Read page by page: what is created or deleted meanwhile may be in it or not.
    public func feeds() async throws -> [FeedSummary] {
        var cursor = "0"
        var seen: Set<[UInt8]> = []
        var found: [FeedSummary] = []
        repeat {
            let page = try await read(RedisCommand("FCALL_RO", "thoonk_feeds", "0", cursor, "500")).array ?? []
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
        try await read(RedisCommand("SISMEMBER", "feeds", name)).integer == 1
    }

    /// Closes the connections and ends the thread. What waits fails with ``ThoonkError/Code/closed``; items that are on
    /// their way to a get are put back first, for which this waits, at most for the client's patience.
    ///
    /// A client that is closed stays so.
    public func close() async {
        guard state != .closed, state != .closing else { return }
        state = .closing
        for desk in desks.values { apply(.closed, to: desk) }
        for task in parked.removeAll() { task.resume(returning: .isClosed) }
        endStreams()
        await itemsAreSafe()
        state = .closed
        disconnect()
        thread.stop()
    }

    nonisolated func freshID() -> String { ThoonkClient.makeID() }

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
