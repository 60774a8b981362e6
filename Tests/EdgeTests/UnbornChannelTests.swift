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

    @Test("a reader from the beginning knows no position, and loses none when events are cut before it is woken")
    func beginning() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5
        let hub = Hub(on: runner.loop, source: source, limits: EdgeLimits(), metrics: EdgeMetrics())
        var texts: [String] = []
        func read(from offset: Offset) throws -> LocalRead {
            let read = LocalRead(from: hub, isLive: true) { outcome in
                switch outcome {
                case .events(let batch, _, _): texts.append(String(decoding: batch.body, as: UTF8.self))
                case .lost: texts.append("lost")
                case .noNews, .unknown: texts.append("nothing")
                }
            }
            try read.open("user:7", from: offset)
            read.begin()
            return read
        }
        let first = try read(from: .beginning)
        // This one was told that there is nothing, and is owed all that follows.
        let second = try read(from: .position(Position(epoch: 1, born: 0, sequence: source.time)))
        #expect(first.isPending && second.isPending)
        for number in 1...5 { source.publish("\(number)", to: "user:7", announced: false) }
        source.publish("6", to: "user:7")
        try runner.run(within: 5, "they are answered") { !first.isPending && !second.isPending }
        #expect(texts == ["[2,3,4,5,6]", "lost"])
    }

    @Test("a ring of a feed that was swept since turns no reader away that missed nothing")
    func swept() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5
        var limits = EdgeLimits()
        limits.ringEvents = 4
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics())
        for number in 1...3 { source.publish("\(number)", to: "user:7") }
        func read(from offset: Offset) throws -> Position? {
            var next: Position?
            let read = LocalRead(from: hub, isLive: false) { outcome in
                if case .events(let batch, _, isEnd: true) = outcome { next = batch.next }
            }
            try read.open("user:7", from: offset)
            read.begin()
            try runner.run(within: 5, "the reader is answered") { !read.isPending }
            return next
        }
        #expect(try read(from: .beginning)?.sequence == 3)
        // The floor rises, and announcements do not tell.
        for number in 4...20 { source.publish("\(number)", to: "user:7") }
        source.sweep("user:7")
        let now = Position(epoch: 1, born: 0, sequence: FakeSource.born + 1)
        #expect(try read(from: .beginning) == now)
        #expect(try read(from: .beginning) == now)
        // Another edge gave this one.
        #expect(try read(from: .position(now)) == now)
        source.publish("21", to: "user:7")
        #expect(try read(from: .position(now)) == Position(epoch: 1, born: now.sequence, sequence: 1))
    }
}
