internal import Events
internal import Logging
internal import Redis

/// The connections of a client: one for commands, and one for subscriptions, which is opened when it is needed.
///
/// Created, used and released on the loop's thread.
final class ThoonkLink {
    let loop: EventLoop
    let connection: RedisConnection
    let subscriber: RedisSubscriber
    let watcher: KeyWatcher
    /// Fires at the nearest deadline of the tasks that wait for a connection.
    let connectTimer: Timer
    /// Fires regularly while gets wait, to read the lists whose changes the server does not report.
    let pollTimer: Timer
    private var isSubscribing = false

    init(
        on loop: EventLoop, to address: RedisAddress, name: String, logger: Logger?,
        onConnectTimeout: @escaping () -> Void,
        onPoll: @escaping () -> Void
    ) {
        let logger = logger ?? Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
        self.loop = loop
        connection = RedisConnection(on: loop, to: address, name: name, logger: logger)
        subscriber = RedisSubscriber(
            on: loop, to: address, name: "\(name)-events", publisher: connection, logger: logger)
        watcher = KeyWatcher(connection: connection, subscriber: subscriber, logger: logger)
        connectTimer = Timer(on: loop, action: onConnectTimeout)
        pollTimer = Timer(on: loop, action: onPoll)
    }

    /// Opens the second connection, unless it is open.
    func startSubscriber() {
        guard !isSubscribing else { return }
        isSubscribing = true
        subscriber.start()
    }

    func stop() {
        connectTimer.cancel()
        pollTimer.cancel()
        if isSubscribing { subscriber.stop() }
        connection.stop()
    }
}

/// The state of a client's connection.
enum LinkState {
    /// No verb was called, so that no connection was made.
    case new
    /// Connecting, or reconnecting.
    case away
    /// Verbs can be sent.
    case ready
    /// ``ThoonkClient/close()`` is running: only commands that put items back are sent.
    case closing
    case closed
}

/// Connecting, and what happens when a connection is made or lost.
extension ThoonkCore {
    /// Starts to connect, unless that is done. The callbacks of the link run on the loop's thread, which is this
    /// actor's executor.
    func connect() throws(ThoonkError) {
        guard link == nil, state == .new else { return }
        guard let loop = EventLoop.current else { throw .isClosed }
        let link = ThoonkLink(
            on: loop, to: address, name: options.name, logger: options.logger,
            onConnectTimeout: { [weak self] in self?.assumeIsolated { $0.connectTimeoutExpired() } },
            onPoll: { [weak self] in self?.assumeIsolated { $0.pollUnwatchedLists() } })
        link.connection.onReady = { [weak self] in self?.assumeIsolated { $0.connectionReady() } }
        link.connection.onLost = { [weak self] _ in self?.assumeIsolated { $0.connectionLost() } }
        link.watcher.onChange = { [weak self] key in self?.assumeIsolated { $0.keyChanged(key) } }
        link.watcher.onReset = { [weak self] in self?.assumeIsolated { $0.keysAreUnknown() } }
        self.link = link
        state = .away
        link.connection.start()
    }

    /// Releases everything that belongs to the loop.
    func disconnect() {
        link?.stop()
        link = nil
    }

    private func connectionReady() {
        guard let link else { return }
        link.watcher.connectionReady()
        FunctionLibrary.thoonk.ensureLoaded(on: link.connection) { [weak self] result in
            self?.assumeIsolated { $0.loaded(result) }
        }
    }

    /// A library that cannot be loaded is no reason to wait: each verb that needs it reports the error.
    private func loaded(_ result: Result<Void, RedisError>) {
        if case .failure(let error) = result, error.isUnanswered { return }
        if state == .away { state = .ready }
        for task in parked.removeAll() { task.resume(returning: nil) }
        for queue in waitQueues.values { apply(.connected, to: queue) }
    }

    private func connectionLost() {
        link?.watcher.connectionLost()
        if state == .ready { state = .away }
        for queue in waitQueues.values { apply(.lost, to: queue) }
    }
}
