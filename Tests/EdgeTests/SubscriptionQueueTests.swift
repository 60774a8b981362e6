import TestSupport
import Testing

@testable import Edge

@Suite("The queue of those who wait")
struct SubscriptionQueueTests {
    private final class Nobody: Subscriber {
        func wake(_ subscription: Subscription, ring: Ring) {}
    }

    @Test("it does what a plain list would do")
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
