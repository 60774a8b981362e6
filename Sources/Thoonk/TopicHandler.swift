internal import Redis

/// What the subscriber calls for one topic. Lives on the client's loop.
final class TopicHandler: RedisSubscriberHandler {
    private let onConfirmed: () -> Void
    private let onMessage: (String, [UInt8]) -> Void
    private let onLost: () -> Void

    init(
        onConfirmed: @escaping () -> Void, onMessage: @escaping (String, [UInt8]) -> Void, onLost: @escaping () -> Void
    ) {
        self.onConfirmed = onConfirmed
        self.onMessage = onMessage
        self.onLost = onLost
    }

    func subscriptionConfirmed(_ channel: String) { onConfirmed() }
    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) { onMessage(channel, payload) }
    func subscriptionLost(_ channel: String) { onLost() }
}
