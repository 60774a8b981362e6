import TestSupport
import Testing

@testable import Edge

@Suite("The queue of subscriptions")
struct SubscriptionQueueTests {
    private final class Nobody: Subscriber {
        func wake(_ subscription: Subscription, ring: Ring) {}
    }

    @Test("it behaves like a plain list")
    func model() {
        var random = SplitMix64()
        let channel = Channel(name: "thread:1", limits: EdgeLimits())
        let reader = Nobody()
        var queue = SubscriptionQueue()
        var model: [Subscription] = []
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let subscription = Subscription(channel: channel, subscriber: reader, offset: .now)
                queue.append(subscription)
                model.append(subscription)
            case 5..<8:
                guard let index = model.indices.randomElement(using: &random) else { continue }
                queue.remove(model.remove(at: index))
            case 8: #expect(queue.popFirst() === (model.isEmpty ? nil : model.removeFirst()), "seed \(random.seed)")
            default:
                if Int.random(in: 0..<200, using: &random) == 0 {
                    while queue.popFirst() != nil { model.removeFirst() }
                }
            }
            #expect(queue.count == model.count && queue.first() === model.first, "seed \(random.seed)")
        }
    }
}

@Suite("Channels without readers")
struct IdleChannelTests {
    private final class Nobody: Subscriber {
        func wake(_ subscription: Subscription, ring: Ring) {}
    }

    @Test(
        "an idle channel is queued once, however often its last reader leaves, and the longest idle one is dropped first"
    )
    func listedOnce() throws {
        let runner = try LoopRunner()
        var limits = EdgeLimits()
        limits.maxChannels = 3
        var now: Int64 = 0
        let source = FakeSource()
        let hub = Hub(
            on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics(), clock: { now })
        let reader = Nobody()
        func poll(_ channel: String) throws {
            now += 1
            hub.leave(try hub.subscribe(channel, from: .now, by: reader))
        }
        for _ in 0..<1000 {
            for channel in ["thread:1", "thread:2", "thread:3"] { try poll(channel) }
        }
        #expect(hub.count == 3 && hub.idle.count == 3)
        // It was the longest idle one before.
        try poll("thread:1")
        try poll("thread:4")
        #expect(source.subscribed == ["thread:1", "thread:3", "thread:4"])
        // A channel with a reader is never dropped.
        let subscription = try hub.subscribe("thread:3", from: .now, by: reader)
        try poll("thread:5")
        #expect(source.subscribed == ["thread:3", "thread:4", "thread:5"])
        #expect(hub.count == 3 && hub.idle.count == 2)
        hub.leave(subscription)
        #expect(hub.idle.count == 3)
    }
}
