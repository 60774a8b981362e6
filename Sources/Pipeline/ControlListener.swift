internal import Redis

/// Listens on the pipeline's control channel: somebody came, went, or freed a lane. What was said while the subscription
/// was down was not heard, so its return counts as news as well.
final class ControlListener: RedisSubscriberHandler {
    private let heard: () -> Void

    init(heard: @escaping () -> Void) {
        self.heard = heard
    }

    func subscriptionConfirmed(_ channel: String) {
        heard()
    }

    func subscriptionLost(_ channel: String) {}

    func subscriptionMessage(_ channel: String, _ payload: [UInt8]) {
        heard()
    }
}
