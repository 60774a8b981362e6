internal import Redis

/// A Thoonk job feed: what is put is claimed by one worker at a time, and stays until it is finished.
///
/// Get one by ``ThoonkClient/job(_:)``. Taking and claiming are one step; a claim ends by itself when its time is over,
/// and then the job waits again. So a job is lost by no crash, and may be worked twice when a worker is slower than its
/// claim, but finished only once: a late finish is refused.
public struct Job: FeedHandle {
    public static let type = FeedType.job
    public let client: ThoonkClient
    public let name: String

    /// Makes the feed.
    ///
    /// - Parameter claimTimeout: how long claims last that do not say it themselves; also those of clients that do not
    ///   know of claims that end, from the time on at which ``maintenance(grace:)`` sees them. Nil: five minutes, and
    ///   for ever.
    /// - Returns: false when it was there: then its configuration stays as it is.
    @discardableResult
    public func create(claimTimeout: Duration?) async throws -> Bool {
        try await create(claimTimeout.map { ["claim_timeout": String($0.wholeMilliseconds)] } ?? [:])
    }

    /// Puts a job.
    ///
    /// - Parameters:
    ///   - item: what is to be done.
    ///   - priority: before all that wait, instead of behind them.
    ///   - id: an own one: while its job is not finished the same put again changes nothing. So a put that failed with
    ///     ``ThoonkError/Code/uncertain`` can be repeated.
    /// - Returns: the job's id.
    @discardableResult
    public func put(_ item: some ItemBytes, priority: Bool = false, id: String? = nil) async throws -> String {
        let id = try chosen(id)
        try await put([(id, item)], by: "job_put", priority: priority)
        return id
    }

    /// Puts several jobs in one step. They are got in their order, also with priority.
    ///
    /// - Returns: their ids.
    @discardableResult
    public func put(all items: [some ItemBytes], priority: Bool = false) async throws -> [String] {
        guard !items.isEmpty else { return [] }
        let entries = items.map { (id: client.freshID(), item: $0) }
        try await put(entries, by: "job_put", priority: priority)
        return entries.map(\.id)
    }

    /// Takes and claims the next job; waits for one.
    ///
    /// - Parameters:
    ///   - timeout: how long to wait; nil: for as long as it takes. Zero does not wait.
    ///   - claimTimeout: how long the claim lasts; nil: what the feed's configuration says, or else five minutes.
    /// - Returns: nil when the time is over.
    /// - Throws: `CancellationError` when the task is cancelled: nothing was taken then, or it has been put back.
    public func get(timeout: Duration? = nil, claimTimeout: Duration? = nil) async throws -> JobClaim? {
        try await get(upTo: 1, timeout: timeout, claimTimeout: claimTimeout).first
    }

    /// Takes and claims up to that many jobs; waits until there is at least one.
    ///
    /// - Returns: an empty array when the time is over.
    public func get(upTo limit: Int, timeout: Duration? = nil, claimTimeout: Duration? = nil) async throws -> [JobClaim]
    {
        let claim = claimTimeout?.wholeMilliseconds
        return try await client.core.take(
            GetRequest(kind: .job, feed: name, limit: limit, claim: claim, timeout: timeout)
        ).map { JobClaim(rawID: $0.id, bytes: $0.bytes, cancelled: $0.cancelled, token: $0.token) }
    }

    /// The ids of all jobs that are not finished, in no order.
    public func ids() async throws -> [String] {
        try await client.core.read(RedisCommand("HKEYS", "feed.items:\(name)")).array?.compactMap(\.text) ?? []
    }

    /// The ids of the jobs that wait, in the order in which they will be got.
    public func waiting() async throws -> [String] {
        let ids = try await client.core.read(RedisCommand("LRANGE", "feed.ids:\(name)", "0", "-1")).array ?? []
        return ids.reversed().compactMap(\.text)
    }

    /// The ids of the jobs that are claimed, the oldest claim first.
    public func claimed() async throws -> [String] {
        try await client.core.read(RedisCommand("ZRANGE", "feed.claimed:\(name)", "0", "-1")).array?.compactMap(\.text)
            ?? []
    }

    /// The ids of the jobs that are stalled, in no order.
    public func stalled() async throws -> [String] {
        try await client.core.read(RedisCommand("SMEMBERS", "feed.stalled:\(name)")).array?.compactMap(\.text) ?? []
    }

    /// Has a stalled job wait again, behind the others.
    ///
    /// - Returns: false when it is not stalled: nothing was done.
    @discardableResult
    public func retry(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retry", id)).array?.first?.text == "OK"
    }

    /// Removes a job, wherever it is. A claim on it is lost.
    ///
    /// - Returns: false when there was none.
    @discardableResult
    public func retract(_ id: String) async throws -> Bool {
        try await client.core.call(command("job_retract", id)).integer == 1
    }
}
