import Foundation
import TestSupport
import Testing

@testable import Edge

/// Readers whose position is far older than the ring.
@Suite("Catching up", .serialized)
struct CatchUpTests {
    private static let events = 3000

    /// An event of 100 bytes.
    private static func event(_ number: Int) -> String {
        let start = "{\"id\":\"\(number)\",\"pad\":\""
        return start + String(repeating: "x", count: 98 - start.utf8.count) + "\"}"
    }

    private static func configure(_ options: inout EdgeOptions) {
        options.limits.ringEvents = 100
        options.limits.answerBytes = 16_384
    }

    /// Reads to the end, one request after the other. Returns the ids, and the number of answers and bytes.
    private static func catchUp(_ client: HTTPClient, byPoll: Bool) throws -> (ids: [Int], answers: Int, bytes: Int) {
        var offset = "-1"
        var ids: [Int] = []
        var answers = 0
        var bytes = 0
        while ids.last != events {
            let path = byPoll ? "/v1/poll?c=thread:1@\(offset)" : "/v1/channels/thread:1?offset=\(offset)"
            let answer = try client.get(path)
            answers += 1
            bytes += answer.body.count
            let share = byPoll ? try answer.json["channels"]?["thread:1"] : nil
            let items = try #require(byPoll ? share?["events"]?.array : answer.json.array)
            if items.isEmpty { break }
            ids += items.compactMap { $0["id"]?.string.flatMap { Int($0) } }
            offset = try #require(byPoll ? share?["next"]?.string : answer[header: "Stream-Next-Offset"])
        }
        return (ids, answers, bytes)
    }

    @Test("each event is loaded once, except for a few where two parts meet", arguments: [false, true])
    func loads(_ byPoll: Bool) throws {
        let edge = try EdgeHarness(Self.configure)
        defer { try? edge.stop() }
        try edge.on { world in
            world.source.capacity = Int64(Self.events)
            for number in 1...Self.events { world.source.publish(Self.event(number), to: "thread:1") }
        }
        let read = try Self.catchUp(edge.client(), byPoll: byPoll)
        #expect(read.ids == Array(1...Self.events))
        let (loads, loaded) = try edge.on { ($0.source.loads, $0.source.eventsLoaded) }
        // One load for the ring, and one per answer from older history. The commas of an array leave one or two events
        // of a part for the next answer.
        #expect(loads <= read.answers + 1 && loads >= 18, "\(loads) loads, \(read.answers) answers")
        #expect(loaded <= Self.events + 100 + 3 * loads, "\(loaded) events in \(loads) loads")
    }

    @Test("a stream catches up in parts as well")
    func stream() throws {
        let edge = try EdgeHarness(Self.configure)
        defer { try? edge.stop() }
        try edge.on { world in
            world.source.capacity = Int64(Self.events)
            for number in 1...Self.events { world.source.publish(Self.event(number), to: "thread:1") }
            world.source.publish(Self.event(0), to: "thread:2")
        }
        let source = TestEventSource("/v1/events?c=thread:1@-1&c=thread:2@-1") { edge.port }
        let single = TestEventSource("/v1/channels/thread:1?offset=-1&live=sse") { edge.port }
        func singles() throws -> [String] {
            try single.events.filter { $0.type == "data" }
                .flatMap { try ParsedJSON(parsing: $0.data).array?.compactMap { $0["id"]?.string } ?? [] }
        }
        // Only the last event is looked at: to parse all of them each time would take most of the test's time.
        let last = "{\"id\":\"\(Self.events)\""
        try eventually(within: 20, "both have all", every: 0.02) {
            source.events.last?.data.contains(last) == true
                && single.events.last { $0.type == "data" }?.data.contains(last) == true
        }
        let all = (1...Self.events).map { "\($0)" }
        let collected = try source.collected("thread:1")
        #expect(collected.events.compactMap { $0["id"]?.string } == all && collected.resets == 0)
        #expect(try singles() == all)
        #expect(source.connections == 1 && single.connections == 1)
        let (loads, loaded) = try edge.on { ($0.source.loads, $0.source.eventsLoaded) }
        #expect(loaded <= 2 * Self.events + 200 + 3 * loads, "\(loaded) events in \(loads) loads")
        try source.stop()
        try single.stop()
    }

    @Test("over Redis, about as many bytes are read as are delivered")
    func redis() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url) { Self.configure(&$0) }
        defer { try? edge.stop() }
        for start in stride(from: 1, to: Self.events, by: 100) {
            let events = (start..<(start + 100)).map { Self.event($0) }
            try redis.cli(["FCALL", "tidings_publish", "0", "thread:1", "\(Self.events)", "600000"] + events)
        }
        func sent() throws -> Int {
            let line = try redis.cli("INFO", "stats").split(separator: "\r\n").first {
                $0.hasPrefix("total_net_output_bytes:")
            }
            return try #require(line.flatMap { Int($0.split(separator: ":")[1]) })
        }
        let before = try sent()
        let client = HTTPClient(port: edge.port)
        let read = try Self.catchUp(client, byPoll: false)
        let taken = try sent() - before
        #expect(read.ids == Array(1...Self.events))
        // Overhead: numbers and lengths around each event, the ring's hundred events, repeated events, and the edge's
        // heartbeats.
        #expect(taken < read.bytes * 3 / 2, "\(taken) bytes for \(read.bytes)")
        let metrics = try client.get("/metrics").text
        let loads = metrics.split(separator: "\n").first { $0.hasPrefix("tidings_edge_history_loads_total ") }
        #expect(try #require(loads.flatMap { Int($0.split(separator: " ")[1]) }) <= read.answers + 1)
    }

    /// Reads whatever it is woken with.
    private final class Reader: Subscriber {
        let hub: Hub
        private(set) var bodies: [String] = []

        init(_ hub: Hub) {
            self.hub = hub
        }

        func wait(at sequence: Int64) throws -> Subscription {
            let position = Position(epoch: 1, born: FakeSource.born, sequence: sequence)
            let subscription = try hub.subscribe("thread:1", from: .position(position), by: self)
            hub.wait(subscription, lookup: hub.lookUp(subscription))
            return subscription
        }

        func wake(_ subscription: Subscription, ring: Ring) {
            guard case .found(let position, hasNews: true) = hub.lookUp(subscription, ring: ring) else { return }
            bodies.append(String(decoding: ring.batch(after: position.sequence).body, as: UTF8.self))
            hub.leave(subscription)
        }
    }

    @Test(
        "readers at distant positions are served in order of arrival, and one load serves neighbours"
    )
    func apart() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5000
        var limits = EdgeLimits()
        limits.ringEvents = 10
        limits.answerBytes = 500
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics())
        for number in 10_001...13_000 { source.publish("\(number)", to: "thread:1") }
        let reader = Reader(hub)
        // The first reader makes the hub load the channel.
        hub.leave(try reader.wait(at: 3000))
        source.holdsLoads = true
        var subscriptions = try [2000, 0, 2010, 1000, 0].map { try reader.wait(at: $0) }
        // One leaves before its turn, and one comes during a load.
        hub.leave(subscriptions[3])
        source.answerLoads()
        #expect(reader.bodies.map { $0.prefix(6) } == ["[12001", "[12011"])
        subscriptions += try [50, 1500].map { try reader.wait(at: $0) }
        source.answerLoads()
        #expect(reader.bodies.dropFirst(2).map { $0.prefix(6) } == ["[10001", "[10001", "[10051"])
        source.answerLoads()
        #expect(reader.bodies.last?.hasPrefix("[11501") == true && reader.bodies.count == 6)
        source.answerLoads()
        #expect(source.partStarts == [2000, 0, 1500])
    }

    @Test("a part that was read before a reader came does not judge that reader")
    func outdated() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5000
        source.readsAtOnce = true
        var limits = EdgeLimits()
        limits.ringEvents = 10
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics())
        for number in 1001...1100 { source.publish("\(number)", to: "thread:1") }
        let reader = Reader(hub)
        hub.leave(try reader.wait(at: 100))
        source.holdsLoads = true
        _ = try reader.wait(at: 70)
        // The part reaches up to 100. What follows is announced before it arrives.
        for number in 1101...1130 { source.publish("\(number)", to: "thread:1") }
        _ = try reader.wait(at: 110)
        source.answerLoads()
        #expect(reader.bodies.map { $0.prefix(5) } == ["[1071"])
        source.answerLoads()
        #expect(reader.bodies.map { $0.prefix(5) } == ["[1071", "[1111"])
        #expect(source.partStarts == [70, 110])
    }

    @Test("a part that was read before a comment was deleted is not given to a reader that came after the deletion")
    func deleted() throws {
        func event(_ type: String, _ number: Int, _ html: String) -> String {
            "{\"thread\":\"1\",\"id\":\"\(number)\",\"type\":\"comment.\(type)\",\"html\":\"\(html)\"}"
        }
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5000
        source.readsAtOnce = true
        var limits = EdgeLimits()
        limits.ringEvents = 10
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics())
        for number in 1...100 { source.publish(event("created", number, "secret \(number)."), to: "thread:1") }
        let reader = Reader(hub)
        hub.leave(try reader.wait(at: 100))
        source.holdsLoads = true
        _ = try reader.wait(at: 70)
        source.publish(event("deleted", 72, ""), to: "thread:1")
        _ = try reader.wait(at: 70)
        source.answerLoads()
        #expect(reader.bodies.map { $0.contains("secret 72.") } == [true], "it came before, and gets the deletion next")
        source.answerLoads()
        #expect(reader.bodies.map { $0.contains("secret 72.") } == [true, false])
        #expect(reader.bodies.last?.contains("secret 71.") == true && source.partStarts == [70, 70])
    }

    @Test("a failed load is repeated for the readers that still wait")
    func failing() throws {
        let runner = try LoopRunner()
        let source = FakeSource()
        source.capacity = 5000
        var limits = EdgeLimits()
        limits.ringEvents = 10
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: EdgeMetrics())
        for number in 1...100 { source.publish("\(number)", to: "thread:1") }
        let reader = Reader(hub)
        hub.leave(try reader.wait(at: 100))
        source.failsLoads = true
        let first = try reader.wait(at: 7)
        _ = try reader.wait(at: 8)
        try runner.run(within: 5, "it is asked for again and again") { source.partStarts.count >= 3 }
        hub.leave(first)
        source.failsLoads = false
        try runner.run(within: 5, "the second one has its answer") { !reader.bodies.isEmpty }
        #expect(reader.bodies.map { $0.prefix(3) } == ["[9,"] && source.partStarts.last == 8)
    }
}
