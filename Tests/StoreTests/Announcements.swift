import Redis
import TestSupport

/// Hears what is published on some channels of a server.
final class Announcements: RedisSubscriberHandler {
    /// What has come, as `CHANNEL PAYLOAD` with `|` for a NUL.
    private(set) var lines: [String] = []
    private var confirmed = 0
    private let subscriber: RedisSubscriber
    private let runner: LoopRunner

    init(_ channels: [String], library: TidingsLibrary) throws {
        runner = library.runner
        subscriber = RedisSubscriber(
            on: runner.loop, to: library.redis.connection.address, name: "announcements",
            publisher: library.redis.connection, logger: .silent)
        for channel in channels { subscriber.subscribe(channel, handler: self) }
        subscriber.start()
        try runner.run(within: 10, "all channels are subscribed") { confirmed >= channels.count }
    }

    /// Waits until that many have come, and gives them.
    func first(_ count: Int) throws -> [String] {
        try runner.run(within: 10, "\(count) announcements; there are \(lines)") { lines.count >= count }
        return Array(lines.prefix(count))
    }

    func subscriptionConfirmed(_ channel: String) { confirmed += 1 }

    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) {
        let text = String(decoding: payload.map { $0 == 0 ? UInt8(ascii: "|") : $0 }, as: UTF8.self)
        lines.append("\(channel) \(text)")
    }

    func subscriptionLost(_ channel: String) {}
}
