internal import Events
internal import Redis

/// Sending a verb: waiting for the connection, the command, and the meaning of a failure.
extension ThoonkCore {
    /// Sends a verb that writes. When its reply is lost, it fails with `uncertain`.
    func call(_ command: RedisCommand) async throws -> RedisValue {
        try await run(command, isRepeatable: false)
    }

    /// Sends a verb that only reads. When its reply is lost, it is sent again.
    func read(_ command: RedisCommand) async throws -> RedisValue {
        try await run(command, isRepeatable: true)
    }

    private func run(_ command: RedisCommand, isRepeatable: Bool) async throws -> RedisValue {
        let deadline = Clock.monotonicMilliseconds() + options.connectTimeout.wholeMilliseconds
        var hasLoaded = false
        while true {
            try await connected(before: deadline)
            switch await send(command) {
            case .success(let value): return value
            case .failure(let error) where error.code == .functionMissing && !hasLoaded:
                // The server was flushed, or replaced by another one.
                hasLoaded = true
                if case .failure(let error) = await load() { throw ThoonkError(error) }
            case .failure(let error) where isRepeatable && error.isUnanswered:
                guard Clock.monotonicMilliseconds() < deadline else { throw unreachable() }
            case .failure(let error): throw ThoonkError(error)
            }
        }
    }

    /// Sends a command on the connection that there is, and waits for the reply.
    func send(_ command: RedisCommand) async -> Result<RedisValue, RedisError> {
        guard let link else { return .failure(RedisError(.disconnected, "closed")) }
        return await withCheckedContinuation { continuation in
            link.connection.send(command) { continuation.resume(returning: $0) }
        }
    }

    func load() async -> Result<Void, RedisError> {
        guard let link else { return .failure(RedisError(.disconnected, "closed")) }
        return await withCheckedContinuation { continuation in
            FunctionLibrary.thoonk.ensureLoaded(on: link.connection) { continuation.resume(returning: $0) }
        }
    }

    /// Returns when verbs can be sent.
    private func connected(before deadline: Int64) async throws {
        while true {
            switch state {
            case .ready: return
            case .closing, .closed: throw ThoonkError.isClosed
            case .new, .away: break
            }
            try connect()
            try Task.checkCancellation()
            let id = nextID()
            let failure = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    parked.insert(id, until: deadline, continuation)
                    scheduleConnectTimeout()
                }
            } onCancel: {
                Task { await self.unpark(id) }
            }
            try Task.checkCancellation()
            if let failure { throw failure }
        }
    }

    private func unpark(_ id: UInt64) {
        parked.remove(id)?.resume(returning: nil)
    }

    func connectTimeoutExpired() {
        for task in parked.removeExpired(at: Clock.monotonicMilliseconds()) { task.resume(returning: unreachable()) }
        scheduleConnectTimeout()
    }

    private func scheduleConnectTimeout() {
        guard let nearest = parked.nearest else { return }
        link?.connectTimer.schedule(after: max(1, nearest - Clock.monotonicMilliseconds() + 1))
    }

    func unreachable() -> ThoonkError {
        ThoonkError(
            .unreachable, "no connection to Redis at \(address) within \(options.connectTimeout); is it running there?")
    }

    func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }
}

/// Tasks that wait for a connection, each until its own deadline.
struct ParkedTasks {
    typealias Continuation = CheckedContinuation<ThoonkError?, Never>

    private var tasks: [UInt64: (deadline: Int64, continuation: Continuation)] = [:]

    /// The nearest deadline, in ms of the monotonic clock.
    var nearest: Int64? { tasks.values.lazy.map(\.deadline).min() }

    var isEmpty: Bool { tasks.isEmpty }

    mutating func insert(_ id: UInt64, until deadline: Int64, _ continuation: Continuation) {
        tasks[id] = (deadline, continuation)
    }

    mutating func remove(_ id: UInt64) -> Continuation? {
        tasks.removeValue(forKey: id)?.continuation
    }

    /// Removes the tasks whose deadline has passed.
    mutating func removeExpired(at now: Int64) -> [Continuation] {
        let expired = tasks.filter { $0.value.deadline <= now }
        for id in expired.keys { tasks[id] = nil }
        return expired.values.map(\.continuation)
    }

    /// Removes all tasks; the first one comes first.
    mutating func removeAll() -> [Continuation] {
        defer { tasks = [:] }
        return tasks.sorted { $0.key < $1.key }.map(\.value.continuation)
    }
}
