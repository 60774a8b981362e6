public import Events
public import Logging
public import Redis

/// Whether Redis may delete keys of the pipeline when memory is short, or has done so. Pure.
///
/// A policy other than `noeviction` deletes queues, feeds and what stands beside them. Policies named `volatile-` delete
/// only keys with an expiry: with those of recent events, repeats are published twice.
package struct EvictionState: Equatable {
    /// What to log of a look.
    package enum Report: Equatable {
        /// Keys may be deleted from now on: why, and what to do.
        case danger(String)
        /// So many keys have been deleted since this process began.
        case deleted(Int64)
        /// No keys are deleted any more.
        case over
    }

    private var policy = EvictionState.safePolicy
    private var limit: Int64 = 0
    /// The server's count at the last look; nil before the first.
    private var counted: Int64?
    /// How many keys the server has deleted since the first look.
    package private(set) var deleted: Int64 = 0
    private var reported: Int64 = 0

    /// The one policy that deletes nothing.
    package static let safePolicy = "noeviction"

    package init() {}

    /// A sentence about a policy that deletes keys.
    package static func warning(of policy: String) -> String {
        "Redis may delete queues and feeds: maxmemory-policy is \(policy)"
    }

    /// A sentence about keys that were deleted.
    package static func warning(deleted count: some CustomStringConvertible, since: String) -> String {
        "Redis has deleted \(count) keys to make room since \(since) started"
    }

    /// What to do about such a policy, as an operator types it.
    package static let remedy = ["CONFIG", "SET", "maxmemory-policy", safePolicy]
    /// What to do besides that, so that it lasts.
    package static let hint = "and maxmemory-policy noeviction in redis.conf"

    /// Why the process must not be ready; nil when no key of the pipeline is in danger.
    package var trouble: String? {
        guard policy != EvictionState.safePolicy, limit > 0 || deleted > 0 else { return nil }
        let loss = deleted > 0 ? "; \(EvictionState.warning(deleted: deleted, since: "this process"))" : ""
        return EvictionState.warning(of: policy) + loss
            + "; type redis-cli \(EvictionState.remedy.joined(separator: " ")), \(EvictionState.hint)"
    }

    /// Takes what INFO says in its sections `memory` and `stats`. Gives what is to be logged now; deletions when their
    /// number has doubled.
    package mutating func look(_ info: [String: String]) -> [Report] {
        guard let policy = info["maxmemory_policy"] else { return [] }
        let before = trouble
        self.policy = policy
        limit = info["maxmemory"].flatMap { Int64($0) } ?? 0
        if let count = info["evicted_keys"].flatMap({ Int64($0) }) {
            // The count begins anew with each start of the server.
            if let counted { deleted += count >= counted ? count - counted : count }
            counted = count
        }
        var reports: [Report] = []
        if before == nil, let trouble { reports.append(.danger(trouble)) }
        if before != nil, trouble == nil { reports.append(.over) }
        if deleted > 0, deleted >= 2 * reported {
            reported = deleted
            reports.append(.deleted(deleted))
        }
        return reports
    }
}

/// Looks regularly whether Redis may delete keys of the pipeline, and says so in the log. One command a look.
public final class EvictionWatch {
    /// Why the process must not be ready; nil when no key of the pipeline is in danger, or when nothing is known.
    public var trouble: String? { state.trouble }

    private let connection: RedisConnection
    private let interval: Int64
    private let logger: Logger
    private var state = EvictionState()
    private var isAsking = false
    private var timer: Timer?

    /// - Parameter interval: between two looks, in milliseconds.
    public init(on loop: EventLoop, connection: RedisConnection, interval: Int64, logger: Logger) {
        self.connection = connection
        self.interval = interval
        self.logger = logger
        timer = Timer(on: loop) { [unowned self] in self.look() }
    }

    /// Looks now, if there is a connection, and regularly from now on.
    public func start() {
        look()
        timer?.schedule(every: interval)
    }

    public func stop() {
        timer?.cancel()
    }

    private func look() {
        guard connection.isReady, !isAsking else { return }
        isAsking = true
        connection.send(RedisCommand("INFO", "memory", "stats")) { [weak self] result in
            guard let self else { return }
            self.isAsking = false
            // A user who may not ask is no reason to stop.
            guard case .success(let value) = result, let text = value.text else { return }
            for report in self.state.look(BlockingRedis.fields(text)) { self.log(report) }
        }
    }

    private func log(_ report: EvictionState.Report) {
        switch report {
        case .danger(let trouble): logger.error("keys of the pipeline are in danger", metadata: ["why": "\(trouble)"])
        case .deleted(let count):
            logger.error(
                "Redis has deleted keys to make room: events may be lost; see tidings doctor",
                metadata: ["keys": "\(count)"])
        case .over: logger.notice("Redis deletes no keys when memory is short any more")
        }
    }
}
