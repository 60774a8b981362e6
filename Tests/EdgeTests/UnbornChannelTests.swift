import TestSupport
import Testing

@testable import Edge

@Suite("A channel without a feed that has readers")
struct UnbornChannelTests {
    /// Waits for the first event.
    private final class Reader: Subscriber {
        let hub: Hub
        private(set) var found: OffsetLookup?

        init(_ hub: Hub) {
            self.hub = hub
        }

        func wake(_ subscription: Subscription, ring: Ring) {
            found = hub.lookUp(subscription)
        }
    }

    @Test(
        "it is looked at again now and then, so that readers get a position of a later time; its readers are not told")
    func refreshed() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        var now: Int64 = 5000
        let metrics = EdgeMetrics()
        let hub = Hub(on: runner.loop, source: source, limits: EdgeLimits(), metrics: metrics, clock: { now })
        let reader = Reader(hub)
        let subscription = try hub.subscribe("user:7", from: .now, by: reader)
        hub.wait(subscription, lookup: hub.lookUp(subscription))
        #expect(subscription.position == Position(epoch: 1, born: 0, sequence: FakeSource.born))
        let idle = try hub.subscribe("user:8", from: .now, by: reader)
        hub.leave(idle)
        source.publish("1", to: "user:9")
        let born = try hub.subscribe("user:9", from: .now, by: reader)
        let loads = source.loads

        now += 599_000
        hub.refreshUnborn()
        #expect(source.loads == loads)
        now += 1000
        source.time += 600_000
        hub.refreshUnborn()
        #expect(source.loads == loads + 1, "the one that has a reader, and no feed")
        #expect(subscription.channel.ring.tail.sequence == FakeSource.born + 600_000)
        hub.refreshUnborn()
        #expect(source.loads == loads + 1)
        #expect(reader.found == nil && metrics.resets == 0)
        // The reader's position is of that time too: it is good when a feed that was born after it came is removed.
        #expect(subscription.position.sequence == FakeSource.born + 600_000)
        source.swept = FakeSource.born + 1
        source.publish("1", to: "user:7")
        try runner.run(within: 5, "the reader is woken") { reader.found != nil }
        let first = Position(epoch: 1, born: FakeSource.born + 600_000, sequence: 0)
        #expect(reader.found == .found(first, hasNews: true))
        hub.leave(subscription)
        hub.leave(born)
    }
}
