public import Logging

/// Wakes its owner when a key that was read as empty is written by anybody: a blocking read that removes nothing, holds
/// no connection, and works for any number of keys.
///
/// It uses the server's client-side-caching table (`CLIENT TRACKING … REDIRECT … OPTIN`, Redis 6 and later): a read that
/// is announced by `CLIENT CACHING YES` is remembered by the server, which sends one invalidation message, through the
/// subscriber's connection, when the key changes. Reading and remembering is one atomic step, so no write falls between.
/// When either connection is made anew all that was remembered is gone: `onReset` says so, and every watched key has to
/// be read again.
public final class KeyWatcher {
    /// A key that was read with ``read(_:reply:)`` has changed since. Told once for each such read.
    public var onChange: (String) -> Void = { _ in }
    /// Watching is (again) in force, and nothing is remembered: read every key anew.
    public var onReset: () -> Void = {}

    /// Whether a change would be told.
    public private(set) var isWatching = false

    private let connection: RedisConnection
    private let logger: Logger
    private var subscriberID: Int64?
    private var lastLogged: String?

    /// - Parameters:
    ///   - connection: the one that reads. The watcher does not take its callbacks: its owner calls
    ///     ``connectionReady()`` and ``connectionLost()``.
    ///   - subscriber: the one that hears. The watcher takes its `onReady`, `onLost` and `onInvalidated`.
    public init(connection: RedisConnection, subscriber: RedisSubscriber, logger: Logger) {
        self.connection = connection
        self.logger = logger
        subscriber.onReady = { [unowned self] in self.subscriberReady($0) }
        subscriber.onLost = { [unowned self] in self.subscriberLost() }
        subscriber.onInvalidated = { [unowned self] in self.invalidated($0) }
    }

    /// To be called when the reading connection is ready.
    public func connectionReady() {
        lastLogged = nil
        enable()
    }

    /// To be called when the reading connection is lost.
    public func connectionLost() {
        isWatching = false
    }

    /// Tries again to have changes reported, after the server would not. To be called now and then; costs nothing while
    /// watching is in force.
    public func retry() {
        if !isWatching { enable() }
    }

    /// Sends a command that reads one key and has the server remember that it did. When it would not, ``isWatching`` is
    /// false by the time of the reply.
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
        guard error.code != .disconnected, error.code != .timeout, error.message != lastLogged else { return }
        lastLogged = error.message
        logger.warning(
            "redis does not report changed keys; whoever waits looks only every few seconds",
            metadata: ["error": "\(error.message)"])
    }

    private func invalidated(_ key: String?) {
        if let key { onChange(key) } else { onReset() }
    }
}
