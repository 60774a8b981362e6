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
    let rounds: Timer
    private var isHearing = false

    init(
        on loop: EventLoop, to address: RedisAddress, name: String, logger: Logger?,
        onConnectTimeout: @escaping () -> Void,
        rounds: @escaping () -> Void
    ) {
        let logger = logger ?? Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
        self.loop = loop
        connection = RedisConnection(on: loop, to: address, name: name, logger: logger)
        subscriber = RedisSubscriber(
            on: loop, to: address, name: "\(name)-events", publisher: connection, logger: logger)
        watcher = KeyWatcher(connection: connection, subscriber: subscriber, logger: logger)
        connectTimer = Timer(on: loop, action: onConnectTimeout)
        self.rounds = Timer(on: loop, action: rounds)
    }

    /// Starts the second connection, once.
    func hear() {
        guard !isHearing else { return }
        isHearing = true
        subscriber.start()
    }

    func stop() {
        connectTimer.cancel()
        rounds.cancel()
        if isHearing { subscriber.stop() }
        connection.stop()
    }
}
