import Redis
import TestSupport
import Testing

/// Tests pub/sub and the watching of keys with a real server.
@Suite("subscriptions and watched keys")
struct RedisSubscriberTests {
    private final class Listener: RedisSubscriberHandler {
        var confirmed = 0
        var lost = 0
        var messages: [[UInt8]] = []
        func subscriptionConfirmed(_ channel: String) { confirmed += 1 }
        func subscriptionMessage(_ channel: String, _ payload: [UInt8]) { messages.append(payload) }
        func subscriptionLost(_ channel: String) { lost += 1 }
    }

    private let server: RedisServer
    private let runner: LoopRunner
    private let client: RedisClient
    private let subscriber: RedisSubscriber

    init() throws {
        server = try RedisServer()
        runner = try LoopRunner()
        client = try RedisClient(server, on: runner)
        subscriber = RedisSubscriber(
            on: runner.loop, to: try RedisAddress(url: server.url), name: "test-events", publisher: client.connection,
            heartbeat: (interval: 100, deadline: 350), logger: .silent)
    }

    @Test("messages arrive as they were sent, also on many channels, and none after the end of the subscription")
    func messages() throws {
        let listener = Listener()
        for number in 0..<200 { subscriber.subscribe("channel $ \(number)", handler: listener) }
        subscriber.start()
        try runner.run { listener.confirmed == 200 }
        var command = RedisCommand("PUBLISH", "channel $ 7")
        command.append([0, 1, 13, 10, 255])
        #expect(try client.ask(command).integer == 1)
        try runner.run { listener.messages.count == 1 }
        #expect(listener.messages == [[0, 1, 13, 10, 255]])
        subscriber.unsubscribe("channel $ 7")
        try runner.run { try client.ask("PUBSUB", "NUMSUB", "channel $ 7").array?.last?.integer == 0 }
        subscriber.stop()
    }

    @Test("a broken subscription is reported as lost, restored by itself, and reported as confirmed")
    func cut() throws {
        let listener = Listener()
        subscriber.subscribe("c", handler: listener)
        subscriber.start()
        try runner.run { listener.confirmed == 1 }
        _ = try server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        try runner.run { listener.confirmed == 2 }
        #expect(listener.lost == 1)
        try client.ask("PUBLISH", "c", "again")
        try runner.run { listener.messages == [Array("again".utf8)] }
        subscriber.stop()
    }

    @Test("a subscriber is alive while its heartbeats arrive, and not while the server is stopped")
    func alive() throws {
        subscriber.start()
        try runner.run { subscriber.isAlive }
        server.pause()
        try runner.run(within: 20) { !subscriber.isAlive }
        server.resume()
        try runner.run(within: 20) { subscriber.isAlive }
        subscriber.stop()
    }

    @Test(
        "a key that was read is reported once when another client writes it, and a broken connection is reported as a reset"
    )
    func watched() throws {
        let watcher = KeyWatcher(connection: client.connection, subscriber: subscriber, logger: .silent)
        var changed: [String] = []
        var resets = 0
        watcher.onChange = { changed.append($0) }
        watcher.onReset = { resets += 1 }
        client.connection.onReady = { watcher.connectionReady() }
        client.connection.onLost = { _ in watcher.connectionLost() }
        subscriber.start()
        watcher.connectionReady()
        try runner.run { watcher.isWatching && resets > 0 }

        var answer: RedisValue?
        watcher.read(RedisCommand("LRANGE", "queue", "0", "9")) { answer = try? $0.get() }
        try runner.run { answer != nil }
        #expect(answer == .array([]))
        _ = try server.cli("RPUSH", "queue", "x")
        try runner.run { changed == ["queue"] }
        // Reported once for each read: a key that was not read again is not reported.
        _ = try server.cli("RPUSH", "queue", "y")
        _ = try server.cli("RPUSH", "other", "z")
        try client.ask("PING")
        runner.run(for: 0.05)
        #expect(changed == ["queue"])

        let before = resets
        _ = try server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        try runner.run { resets > before && watcher.isWatching }
        let again = resets
        _ = try server.cli("CLIENT", "KILL", "TYPE", "normal")
        try runner.run { resets > again && watcher.isWatching }
        subscriber.stop()
    }
}
