internal import Redis

/// A Thoonk job feed: each job is claimed by one worker at a time and stays until it is finished.
///
/// Get one from ``ThoonkClient/job(_:)``. Taking and claiming a job is one step. A claim expires after its time, and
/// the job waits again. So no crash loses a job. A job may be worked twice, if a worker is slower than its claim, but
/// it is finished only once: a late finish is refused.
public struct Job: FeedHandle {
    public static let type = FeedType.job
    public let client: ThoonkClient
    public let name: String

    /// Creates the feed.
    ///
    /// - Parameter claimTimeout: how long a claim lasts when its get does not say so. It also holds for claims of
    ///   clients that make claims without a deadline, from when ``maintenance(grace:)`` first sees them. Nil: five
    ///   minutes, and claims without a deadline never expire.
    /// - Returns: false when the feed exists; its configuration is left as it is.
    @discardableResult
    public func create(claimTimeout: Duration?) async throws -> Bool {
        try await create(claimTimeout.map { ["claim_timeout": String($0.wholeMilliseconds)] } ?? [:])
    }

    /// Puts a job.
    ///
    /// - Parameters:
    ///   - item: what the worker is to do.
    ///   - priority: true: at the head of the list instead of at its end.
    ///   - id: the job's id; nil: a new one. Until the job with this id is finished, another put with it changes
    ///     nothing. So a put that failed with ``ThoonkError/Code/uncertain`` can be repeated.
    /// - Returns: the job's id.
    @discardableResult
    public func put(_ item: some ItemBytes, priority: Bool = false, id: String? = nil) async throws -> String {
        let id = try chosen(id)
        try await put([(id, item)], by: "job_put", priority: priority)
        return id
    }

    /// Puts several jobs in one step. They keep their order, also with priority.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func put(all items: [some ItemBytes], priority: Bool = false) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        let entries = items.map { (id: client.freshID(), item: $0) }
        try await put(entries, by: "job_put", priority: priority)
        return entries.map(\.id)
    }

    /// Claims the next job, or waits for one.
    ///
    /// - Parameters:
    ///   - timeout: how long to wait; nil: without limit; zero: not at all.
    ///   - claimTimeout: how long the claim lasts; nil: the feed's `claim_timeout`, or else five minutes.
    /// - Returns: nil after the time-out.
    /// - Throws: `CancellationError` when the task is cancelled; nothing was taken then, or it has been put back.
    public func get(timeout: Duration? = nil, claimTimeout: Duration? = nil) async throws -> JobClaim? {
        try await get(upTo: 1, timeout: timeout, claimTimeout: claimTimeout).first
    }

    /// Claims up to `limit` jobs, or waits until there is at least one.
    ///
    /// - Returns: an empty array after the time-out.
    public func get(upTo limit: Int, timeout: Duration? = nil, claimTimeout: Duration? = nil) async throws -> [JobClaim]
    {
        let claim = claimTimeout?.wholeMilliseconds
        return try await client.core.take(
            GetRequest(kind: .job, feed: name, limit: limit, claim: claim, timeout: timeout)
        ).map { JobClaim(rawID: $0.id, bytes: $0.bytes, cancelled: $0.cancelled, token: $0.token) }
    }

    /// The ids of all unfinished jobs, in no particular order.
    public func ids() async throws -> [String] {
        try await client.core.read(RedisCommand("HKEYS", "feed.items:\(name)")).array?.compactMap(\.text) ?? []
    }

    /// The ids of the waiting jobs, in the order in which they will be delivered.
    public func waiting() async throws -> [String] {
        let ids = try await client.core.read(RedisCommand("LRANGE", "feed.ids:\(name)", "0", "-1")).array ?? []
        return ids.reversed().compactMap(\.text)
    }

    /// The ids of the claimed jobs, the oldest claim first.
    public func claimed() async throws -> [String] {
        try await client.core.read(RedisCommand("ZRANGE", "feed.claimed:\(name)", "0", "-1")).array?.compactMap(\.text)
            ?? []
    }

    /// The ids of the stalled jobs, in no particular order.
    public func stalled() async throws -> [String] {
        try await client.core.read(RedisCommand("SMEMBERS", "feed.stalled:\(name)")).array?.compactMap(\.text) ?? []
    }

    /// Puts a stalled job back into the list, behind the others.
    ///
    /// - Returns: false when the job is not stalled; nothing is changed.
    @discardableResult
    public func retry(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retry", id)).array?.first?.text == "OK"
    }

    /// Removes a job in any state. A claim on it is lost.
    ///
    /// - Returns: false when there was no such job.
    @discardableResult
    public func retract(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retract", id)).integer == 1
    }
}
