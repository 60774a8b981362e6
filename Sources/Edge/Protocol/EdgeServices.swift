import Events

/// What the handlers of requests share.
final class EdgeServices {
    let hub: Hub
    let metrics: EdgeMetrics
    let options: EdgeOptions
    private var generator: JitterGenerator

    init(hub: Hub, metrics: EdgeMetrics, options: EdgeOptions, seed: UInt64) {
        self.hub = hub
        self.metrics = metrics
        self.options = options
        generator = JitterGenerator(seed: seed)
    }

    var limits: EdgeLimits { options.limits }

    /// When a hold that begins now ends: after the time that the client named, else after the usual one, spread by
    /// ±20 % so that clients who came together do not come back together.
    func endOfHold(seconds: Int?) -> Int64 {
        let now = Clock.monotonicMilliseconds()
        if let seconds { return now + Int64(seconds) * 1000 }
        let usual = Int64(options.holdSeconds) * 1000
        return now + usual + Int64.random(in: (-usual / 5)...(usual / 5), using: &generator)
    }

    func cursor(after client: Int64?) -> Int64 {
        StreamCursor.next(after: client, now: Clock.unixMilliseconds() / 1000, using: &generator)
    }

    /// Why a reader's channel is not known now.
    var unknownChannel: Refusal {
        Refusal(
            .serviceUnavailable, "\(hub.trouble ?? "the channel's history is not loaded yet"); ask again",
            retryAfter: 1)
    }

    static let lostPosition = Refusal(
        .gone, "this position is lost: events after it are no longer kept; start again with offset=-1")
}
