import Events
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Edge

@Suite("A hot channel beside others", .serialized)
struct FairnessTests {
    /// A reader that is slow to handle each wake, then waits again.
    private final class Reader: Subscriber {
        let hub: Hub
        let work: Int64
        private(set) var wakes = 0
        var onWake: () -> Void = {}

        init(_ hub: Hub, work: Int64) {
            self.hub = hub
            self.work = work
        }

        func wake(_ subscription: Subscription, ring: Ring) {
            wakes += 1
            onWake()
            let end = Clock.monotonicNanoseconds() + work
            while Clock.monotonicNanoseconds() < end {}
            guard case .found(let position, _) = hub.lookUp(subscription) else { return }
            subscription.offset = .position(ring.batch(after: position.sequence).next)
            hub.wait(subscription, lookup: hub.lookUp(subscription))
        }
    }

    /// A hub over a source in memory, on the test's own loop.
    private struct World {
        let runner: LoopRunner
        let source = FakeSource()
        let hub: Hub

        init() throws {
            runner = try LoopRunner()
            hub = Hub(on: runner.loop, source: source, limits: EdgeLimits(), metrics: EdgeMetrics())
        }

        /// A thousand pollers at the end of a channel.
        func thousand() throws -> [Poller] {
            try (0..<1000).map { _ in
                let poller = Poller(hub)
                let isQueued = try poller.come("thread:hot", from: .now).isQueued
                #expect(!isQueued)
                return poller
            }
        }
    }

    @Test("at most one slice of 10,000 readers of one channel is served before the only reader of another")
    func slices() throws {
        let world = try World()
        let (hub, source) = (world.hub, world.source)
        let hot = Reader(hub, work: 2000)
        let quiet = Reader(hub, work: 0)
        for _ in 0..<10_000 {
            let subscription = try hub.subscribe("thread:hot", from: .now, by: hot)
            hub.wait(subscription, lookup: hub.lookUp(subscription))
        }
        let subscription = try hub.subscribe("thread:quiet", from: .now, by: quiet)
        hub.wait(subscription, lookup: hub.lookUp(subscription))
        var behind: [Int] = []
        var announcedAt = 0
        quiet.onWake = { behind.append(hot.wakes - announcedAt) }
        // The quiet channel gets news at many moments of the hot one's delivery, each time between two turns of the
        // loop.
        let publisher = Timer(on: world.runner.loop) {
            guard quiet.wakes == behind.count, behind.count < 40 else { return }
            announcedAt = hot.wakes
            source.publish("\(behind.count)", to: "thread:quiet")
        }
        source.publish("0", to: "thread:hot")
        publisher.schedule(every: 1)
        try world.runner.run(within: 60, "all are woken, round after round") {
            if hot.wakes % 10_000 == 0 { source.publish("\(hot.wakes)", to: "thread:hot") }
            return behind.count == 40
        }
        #expect(behind.allSatisfy { $0 <= Hub.sliceReaders }, "\(behind)")
        for reader in [hot, quiet] { reader.onWake = {} }
    }

    /// The goal is 99 of 100 events within 50 ms. The duration of a turn of the loop depends on the machine; the number
    /// of turns per event, and how much is delivered in one, does not. So turns are bounded, for every event: at 20 µs
    /// per delivery it is 20 ms. `tidings bench edge --scenario starve` measures the time.
    private static let turns = 3

    @Test(
        "beside a channel with hundreds of busy readers, a reader of a quiet one gets its event within 3 turns")
    func turns() throws {
        let world = try PoolWorld(EdgeLimits())
        let poll = { (channel: String, offset: String) in
            "GET /v1/channels/thread:\(channel)?offset=\(offset)&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        // In each turn one half is answered and the other half polls.
        let crowd = try (0..<800).map { _ in try world.connect() }
        var asked = crowd.map { _ in 1 }
        for reader in crowd { reader.send(poll("hot", "now")) }
        let quiet = try world.connect()
        quiet.send("GET /v1/channels/thread:quiet HTTP/1.1\r\nHost: a\r\n\r\n")
        var most = 0
        /// The hot channel has news in every turn, and a reader polls again as soon as it is answered.
        func turn() {
            var answered = 0
            world.source.publish("1", to: "thread:hot")
            world.runner.loop.runOnce(wait: false)
            quiet.receive()
            for (index, reader) in crowd.enumerated() {
                reader.receive()
                guard reader.answers == asked[index] else { continue }
                asked[index] += 1
                answered += 1
                reader.send(poll("hot", "now"))
            }
            most = max(most, answered)
        }
        var needed: [Int] = []
        for _ in 0..<1000 where quiet.answers == 0 { turn() }
        while needed.count < 60 {
            // A varying number of turns between two events covers all phases of the hot channel's delivery.
            for _ in 0..<(needed.count % 4) { turn() }
            let mark = "Stream-Next-Offset: "
            let offset = try #require(quiet.received.split(separator: mark).last?.prefix { $0 != "\r\n" })
            let answers = quiet.answers
            quiet.send(poll("quiet", String(offset)))
            for _ in 0..<2 { turn() }
            world.source.publish("\(needed.count)", to: "thread:quiet")
            var turns = 0
            while quiet.answers == answers, turns < 1000 {
                turn()
                turns += 1
            }
            needed.append(turns)
        }
        #expect(needed.max() ?? .max <= Self.turns, "\(needed)")
        // A slice of 256 may lack one reader when a channel starts its turn of 64.
        #expect(most < 256 + 64, "\(most)")
        // The hot channel's readers were served all the time, each in its turn.
        #expect(asked.allSatisfy { $0 > 10 } && asked.max() ?? 0 <= 2 * (asked.min() ?? 0), "\(asked)")
    }

    /// Reads once, like a long poll, and leaves.
    private final class Poller: Subscriber {
        private let hub: Hub
        private(set) var body: String?
        private(set) var wasLost = false
        var onWake: () -> Void = {}

        init(_ hub: Hub) {
            self.hub = hub
        }

        /// Waits like a new request. Returns the subscription, and whether it was queued behind others.
        func come(_ channel: String, from offset: Offset) throws -> (subscription: Subscription, isQueued: Bool) {
            let subscription = try hub.subscribe(channel, from: offset, by: self)
            let lookup = hub.lookUp(subscription)
            if hub.queueUp(subscription, lookup: lookup) { return (subscription, true) }
            hub.wait(subscription, lookup: lookup)
            return (subscription, false)
        }

        func wake(_ subscription: Subscription, ring: Ring) {
            switch hub.lookUp(subscription) {
            case .found(let position, _):
                body = String(decoding: ring.batch(after: position.sequence).body, as: UTF8.self)
            case .lost: wasLost = true
            case .older, .unseen, nil: break
            }
            hub.leave(subscription)
            onWake()
        }
    }

    private static let before = Offset.position(Position(epoch: 1, born: FakeSource.born, sequence: 1))

    @Test("a reader that returns while a thousand wait is served after them, and gets everything")
    func returning() throws {
        let world = try World()
        let (hub, source) = (world.hub, world.source)
        source.publish("1", to: "thread:hot")
        let crowd = try world.thousand()
        let last = Poller(hub)
        var servedBefore: Int?
        last.onWake = { servedBefore = crowd.count { $0.body != nil } }
        source.publish("2", to: "thread:hot")
        // Nobody was served yet: delivery starts with the next turn of the loop.
        let isQueued = try last.come("thread:hot", from: Self.before).isQueued
        #expect(isQueued)
        var hasPublished = false
        try world.runner.run(within: 20, "all are served") {
            if !hasPublished, crowd.contains(where: { $0.body != nil }) {
                #expect(last.body == nil)
                source.publish("3", to: "thread:hot")
                hasPublished = true
            }
            return last.body != nil && crowd.allSatisfy { $0.body != nil }
        }
        #expect(servedBefore == 1000)
        #expect(last.body == "[2,3]" && crowd.allSatisfy { $0.body == "[2]" || $0.body == "[2,3]" })
        // A reader with nobody before it is not queued.
        let isNextQueued = try Poller(hub).come("thread:hot", from: Self.before).isQueued
        #expect(!isNextQueued)
        last.onWake = {}
    }

    @Test("a returning reader that disconnects is forgotten, and without news none is queued")
    func returningLeaves() throws {
        let world = try World()
        let (hub, source) = (world.hub, world.source)
        source.publish("1", to: "thread:hot")
        let crowd = try world.thousand()
        source.publish("2", to: "thread:hot")
        let returned = try (0..<3).map { _ in
            let poller = Poller(hub)
            return (poller, try poller.come("thread:hot", from: Self.before))
        }
        #expect(returned.allSatisfy { $0.1.isQueued })
        hub.leave(returned[1].1.subscription)
        let fresh = Poller(hub)
        let isFreshQueued = try fresh.come("thread:hot", from: .now).isQueued
        #expect(!isFreshQueued)
        try world.runner.run(within: 20, "all are served") {
            crowd.allSatisfy { $0.body != nil } && returned[2].0.body != nil
        }
        #expect(returned[0].0.body == "[2]" && returned[2].0.body == "[2]")
        #expect(returned[1].0.body == nil && fresh.body == nil)
    }

    @Test("returning readers are told when the epoch changes before their turn")
    func returningReset() throws {
        let world = try World()
        let (hub, source) = (world.hub, world.source)
        source.publish("1", to: "thread:hot")
        let crowd = try world.thousand()
        source.publish("2", to: "thread:hot")
        let last = Poller(hub)
        let isQueued = try last.come("thread:hot", from: Self.before).isQueued
        #expect(isQueued)
        source.epoch = 2
        source.breakLink()
        source.mendLink()
        try world.runner.run(within: 20, "all are told") { last.wasLost && crowd.allSatisfy { $0.wasLost } }
        #expect(last.body == nil && crowd.allSatisfy { $0.body == nil })
    }
}
