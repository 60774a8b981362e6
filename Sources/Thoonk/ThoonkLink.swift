internal import Events
internal import Logging
internal import Redis

/// The connections of a client, on its loop: one for commands, and one that hears, started when it is needed.
///
/// Made, used and released on the loop's thread.
final class ThoonkLink {
    let loop: EventLoop
    let connection: RedisConnection
    let subscriber: RedisSubscriber
    let watcher: KeyWatcher
    /// Fires at the nearest deadline of the tasks that wait for a connection.
    let connectTimer: Timer
    /// Fires now and then while gets wait, to see whether what they rely on still stands. Sends nothing when it does.
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

    /// Starts the second connection, once.
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
