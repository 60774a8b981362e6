public import Logging

/// Tells its owner when a key that it has read changes: a blocking read that removes nothing, blocks no connection, and
/// works for any number of keys.
///
/// It uses the server's table for client-side caching (`CLIENT TRACKING … REDIRECT … OPTIN`, Redis 6 and later). The
/// server remembers a read that follows `CLIENT CACHING YES`, and sends one invalidation message through the
/// subscriber's connection when the key changes. Reading and remembering are one atomic step, so no write is missed.
/// When either connection reconnects, the server has forgotten all reads: `onReset` is called, and every watched key
/// has to be read again.
public final class KeyWatcher {
    /// Called when a key has changed since it was read with ``read(_:reply:)``, once for each such read.
    public var onChange: (String) -> Void = { _ in }
    /// Called when watching is in force, for the first time or again. No read is remembered: read every key again.
    public var onReset: () -> Void = {}

    /// Whether changes are reported.
    public private(set) var isWatching = false

    private let connection: RedisConnection
    private let logger: Logger
    private var subscriberID: Int64?
    private var lastLogged: String?

    /// - Parameters:
    ///   - connection: the connection that reads. The watcher does not set its callbacks: the owner calls
    ///     ``connectionReady()`` and ``connectionLost()``.
    ///   - subscriber: the connection that receives the messages. The watcher sets its `onReady`, `onLost` and
    ///     `onInvalidated`.
    public init(connection: RedisConnection, subscriber: RedisSubscriber, logger: Logger) {
        self.connection = connection
        self.logger = logger
        subscriber.onReady = { [unowned self] in self.subscriberReady($0) }
        subscriber.onLost = { [unowned self] in self.subscriberLost() }
        subscriber.onInvalidated = { [unowned self] in self.invalidated($0) }
    }

    /// Call this when the reading connection is ready.
    public func connectionReady() {
        lastLogged = nil
        enable()
    }

    /// Call this when the reading connection is lost.
    public func connectionLost() {
        isWatching = false
    }

    /// Tries to enable watching again after the server refused it. Call it periodically; does nothing while watching is
    /// in force.
    public func retry() {
        if !isWatching { enable() }
    }

    /// Sends a command that reads one key, and has the server remember the read. When the server refuses that,
    /// ``isWatching`` is false before `reply` is called.
    public func read(_ command: RedisCommand, reply: @escaping (Result<RedisValue, RedisError>) -> Void) {
        if isWatching {
            connection.send(RedisCommand("CLIENT", "CACHING", "YES")) { [weak self] result in
                if case .failure(let error) = result { self?.refused(error) }
            }
        }
        connection.send(command, reply: reply)
    }

    private func subscriberReady(_ id: Int64) {
        subscriberID = id
        enable()
    }

    private func subscriberLost() {
        subscriberID = nil
        isWatching = false
    }

    private func enable() {
        guard let subscriberID, connection.isReady else { return }
        connection.send(RedisCommand("CLIENT", "TRACKING", "ON", "REDIRECT", String(subscriberID), "OPTIN")) { result in
            guard subscriberID == self.subscriberID else { return }
            switch result {
            case .success:
                self.isWatching = true
                self.onReset()
            case .failure(let error):
                self.refused(error)
            }
        }
    }

    private func refused(_ error: RedisError) {
        isWatching = false
        guard !error.isUnanswered, error.message != lastLogged else { return }
        lastLogged = error.message
        logger.warning(
            "redis does not report changed keys; whoever waits looks only every few seconds",
            metadata: ["error": "\(error.message)"])
    }

    private func invalidated(_ key: String?) {
        if let key { onChange(key) } else { onReset() }
    }
}
