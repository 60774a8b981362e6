import Edge
import Foundation
import TestSupport
import Testing

/// Ways in which servers of this kind are known to have lost or repeated events, each replayed over a real Redis.
@Suite("The known failures of others", .serialized)
final class KnownFailureTests {
    private let redis: RedisServer
    private var edges: [LiveEdge] = []

    init() throws {
        redis = try RedisServer()
    }

    deinit {
        for edge in edges { try? edge.stop() }
    }

    /// Starts an edge that is stopped at the end of the test.
    private func startEdge(
        on redis: RedisServer? = nil, port: UInt16 = 0,
        _ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }
    ) throws -> LiveEdge {
        let edge = try LiveEdge(redis: (redis ?? self.redis).url, port: port, configure)
        edges.append(edge)
        return edge
    }

    private static func ids(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "\($0)" } }

    private static func ids(_ source: TestEventSource, _ channel: String) throws -> [String] {
        try source.collected(channel).events.compactMap { $0["id"]?.string }
    }

    /// The ids that an event source of one channel has seen in its `data` events.
    private static func ids(_ source: TestEventSource) throws -> [String] {
        try source.events.filter { $0.type == "data" }
            .flatMap { try ParsedJSON(parsing: $0.data).array ?? [] }.compactMap { $0["id"]?.string }
    }

    /// An offset of the same feed with another sequence number.
    private static func moved(_ offset: String, to sequence: Int) -> String {
        let digits = "\(sequence)"
        return offset.dropLast(16) + String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test("a message lost between backlog and subscription")
    func betweenBacklogAndSubscription() throws {
        let edge = try startEdge()
        // Readers come to new channels while events are published without a pause: some events are in the history, some
        // are announced, and some are just in between.
        let channels = (1...24).map { "thread:\($0)" }
        let publisher = Thread { [redis] in try? redis.publishOneByOne(channels, 1...150) }
        publisher.start()
        var readers: [ChannelReader] = []
        var sources: [TestEventSource] = []
        for (index, channel) in channels.enumerated() {
            switch index % 3 {
            case 0: readers.append(ChannelReader(channel, way: .longPoll, hold: 5) { edge.port })
            case 1: readers.append(ChannelReader(channel, way: .poll, hold: 5) { edge.port })
            default: sources.append(TestEventSource("/v1/events?c=\(channel)@-1") { edge.port })
            }
            // Not a wait: spreads the readers over the time of publishing.
            usleep(4000)
        }
        let expected = Self.ids(1...150)
        for reader in readers {
            try eventually(within: 30, "all arrive at \(reader.channel)", every: 0.05) { reader.ids.count >= 150 }
            #expect(reader.ids == expected && reader.resets == 0)
            try reader.stop()
        }
        for (index, source) in sources.enumerated() {
            let channel = channels[3 * index + 2]
            try eventually(within: 30, "all arrive at \(channel)", every: 0.05) {
                try Self.ids(source, channel).count >= 150
            }
            #expect(try Self.ids(source, channel) == expected && source.trouble == nil)
            try source.stop()
        }
    }

    @Test("two overlapping polls")
    func overlappingPolls() throws {
        let edge = try startEdge()
        try redis.publish("thread:1", 1...3)
        let first = HTTPClient(port: edge.port)
        let offset = try #require(try first.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        // A duplicated tab, or a client that gave up early and asks again: both have the same position.
        let clients = (0..<4).map { _ in HTTPClient(port: edge.port) }
        for (index, client) in clients.enumerated() {
            let path =
                index % 2 == 0
                ? "/v1/channels/thread:1?offset=\(offset)&live=long-poll" : "/v1/poll?c=thread:1@\(offset)"
            try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        try eventually("four are held") { try first.get("/metrics").text.contains("tidings_edge_held 4\n") }
        try redis.publish("thread:1", 4...5)
        let answers = try clients.map { try $0.readResponse() }
        for answer in answers { #expect(answer.text.contains("[{\"id\":\"4\"},{\"id\":\"5\"}]")) }
        let next = Self.moved(offset, to: 5)
        #expect(answers[0][header: "Stream-Next-Offset"] == next && answers[2][header: "Stream-Next-Offset"] == next)
        #expect(try answers[1].json["channels"]?["thread:1"]?["next"]?.string == next)
        #expect(answers[1].text == answers[3].text)
    }

    @Test("a retried poll")
    func retriedPoll() throws {
        let edge = try startEdge()
        try redis.publish("thread:1", 1...3)
        let client = HTTPClient(port: edge.port)
        let tail = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        let offset = Self.moved(tail, to: 1)
        // Reading changes nothing: the same request has the same answer every time, also from another edge.
        let other = try startEdge()
        for _ in 0..<3 {
            for port in [edge.port, other.port] {
                let answer = try HTTPClient(port: port).get("/v1/channels/thread:1?offset=\(offset)&live=long-poll")
                #expect(answer.text == "[{\"id\":\"2\"},{\"id\":\"3\"}]")
                #expect(answer[header: "Stream-Next-Offset"] == tail)
            }
        }
        // After another event, the answer still starts at the same position.
        try redis.publish("thread:1", 4...4)
        try eventually("the event is there") {
            try client.get("/v1/channels/thread:1?offset=\(offset)").text
                == "[{\"id\":\"2\"},{\"id\":\"3\"},{\"id\":\"4\"}]"
        }
    }

    @Test("a response lost in transit")
    func lostResponse() throws {
        let edge = try startEdge()
        try redis.publish("thread:1", 1...1)
        let subscription = HTTPClient(port: edge.port)
        var offset = try #require(try subscription.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        for number in 2...6 {
            // The answer is written, but the client disconnects before it reads it.
            let lost = HTTPClient(port: edge.port)
            try lost.send(
                raw: "GET /v1/channels/thread:1?offset=\(offset)&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
            try eventually("it is held") { try subscription.get("/metrics").text.contains("tidings_edge_held 1\n") }
            try redis.publish("thread:1", number...number)
            try eventually("it is answered") { try subscription.get("/metrics").text.contains("tidings_edge_held 0\n") }
            lost.close()
            let again = try subscription.get("/v1/channels/thread:1?offset=\(offset)&live=long-poll")
            #expect(again.text == "[{\"id\":\"\(number)\"}]")
            offset = try #require(again[header: "Stream-Next-Offset"])
        }
    }

    @Test("the tail exactly at the limit")
    func tailAtTheLimit() throws {
        let edge = try startEdge { $0.limits.ringEvents = 10 }
        let client = HTTPClient(port: edge.port)
        func read(_ channel: String, from sequence: Int, tail: String) throws -> HTTPResponse {
            try client.get("/v1/channels/\(channel)?offset=\(Self.moved(tail, to: sequence))")
        }
        // The feed keeps ten events. Once the edge reads them from the feed, once they are announced.
        for (channel, isWatched) in [("thread:1", false), ("thread:2", true)] {
            if isWatched { _ = try client.get("/v1/channels/\(channel)") }
            try redis.publish(channel, 1...10, history: 10)
            try eventually("the tenth is there") {
                try client.get("/v1/channels/\(channel)").text.hasSuffix("{\"id\":\"10\"}]")
            }
            let whole = try client.get("/v1/channels/\(channel)")
            let tail = try #require(whole[header: "Stream-Next-Offset"])
            #expect(try whole.json.array?.count == 10)
            // Nothing is lost: all ten are there, the tenth follows the ninth, and nothing follows the tenth.
            #expect(try read(channel, from: 0, tail: tail).json.array?.count == 10)
            #expect(try read(channel, from: 9, tail: tail).text == "[{\"id\":\"10\"}]")
            #expect(try read(channel, from: 10, tail: tail).text == "[]")
            // One more event: a reader before the first one has lost it and is told; a reader after it continues.
            try redis.publish(channel, 11...11, history: 10)
            try eventually("the eleventh is there") {
                try read(channel, from: 10, tail: tail).text == "[{\"id\":\"11\"}]"
            }
            #expect(try read(channel, from: 0, tail: tail).status == 410)
            #expect(try read(channel, from: 1, tail: tail).json.array?.count == 10)
            let poll = try client.get("/v1/poll?c=\(channel)@\(Self.moved(tail, to: 0))").json["channels"]?[channel]
            #expect(poll?["reset"]?.bool == true && poll?["events"]?.array?.count == 10)
        }
    }

    @Test("a channel that is deaf after a Redis restart")
    func deafAfterRestart() throws {
        let redis = try RedisServer(appendOnly: .always)
        let edge = try startEdge(on: redis)
        try redis.publish("thread:1", 1...3)
        let readers = [ChannelReader.Way.longPoll, .poll].map { way in
            ChannelReader("thread:1", way: way, hold: 20) { edge.port }
        }
        let sources = [
            TestEventSource("/v1/events?c=thread:1@-1&c=thread:2@now") { edge.port },
            TestEventSource("/v1/channels/thread:1?offset=-1&live=sse") { edge.port },
        ]
        try eventually("all have the history") {
            try readers.allSatisfy { $0.ids.count == 3 } && Self.ids(sources[0], "thread:1").count == 3
                && Self.ids(sources[1]).count == 3
        }
        for round in 1...2 {
            try redis.restart()
            // The first event is published before the edge is back, the others after.
            let start = 3 * round
            try redis.publish("thread:1", (start + 1)...(start + 1))
            try eventually(within: 20, "the edge is back") {
                try HTTPClient(port: edge.port).get("/ready").status == 200
            }
            try redis.publish("thread:1", (start + 2)...(start + 3))
        }
        let expected = Self.ids(1...9)
        try eventually(within: 30, "all events arrive") {
            try readers.allSatisfy { $0.ids.count >= 9 } && Self.ids(sources[0], "thread:1").count >= 9
                && Self.ids(sources[1]).count >= 9
        }
        for reader in readers { #expect(reader.ids == expected && reader.resets == 0) }
        #expect(try Self.ids(sources[0], "thread:1") == expected && sources[0].collected("thread:1").resets == 0)
        #expect(try Self.ids(sources[1]) == expected)
        // No stream was ended.
        #expect(sources.allSatisfy { $0.connections == 1 && $0.trouble == nil })
        for reader in readers { try reader.stop() }
        for source in sources { try source.stop() }
    }

    @Test("a Redis that comes back without its data: every reader is told, none waits for ever")
    func emptyAfterRestart() throws {
        let edge = try startEdge()
        try redis.publish("thread:1", 1...3)
        let reader = ChannelReader("thread:1", way: .poll, hold: 20) { edge.port }
        let source = TestEventSource("/v1/events?c=thread:1@-1") { edge.port }
        let single = TestEventSource("/v1/channels/thread:1?offset=-1&live=sse") { edge.port }
        try eventually("all have the history") {
            try reader.ids.count == 3 && Self.ids(source, "thread:1").count == 3 && Self.ids(single).count == 3
        }
        try redis.restart()
        try eventually(within: 20, "the edge is back") { try HTTPClient(port: edge.port).get("/ready").status == 200 }
        try awaitNextBirth()
        try redis.publish("thread:1", 4...5)
        try eventually(within: 20, "the new events arrive") {
            try reader.ids.suffix(2) == ["4", "5"] && Self.ids(source, "thread:1").suffix(2) == ["4", "5"]
                && Self.ids(single).suffix(2) == ["4", "5"]
        }
        #expect(reader.resets >= 1)
        #expect(try source.collected("thread:1").resets >= 1)
        #expect(single.events.contains { $0.type == "reset" })
        #expect(source.trouble == nil && single.trouble == nil)
        try reader.stop()
        try source.stop()
        try single.stop()
    }

    @Test("an edge that is restarted")
    func edgeRestarted() throws {
        var edge = try startEdge { $0.limits.streamRetry = 100 }
        let port = edge.port
        let reader = ChannelReader("thread:1", way: .poll, hold: 20) { port }
        let source = TestEventSource("/v1/events?c=thread:1@-1&c=thread:2@-1") { port }
        let single = TestEventSource("/v1/channels/thread:1?offset=-1&live=sse") { port }
        for round in 0..<3 {
            let start = 5 * round
            try redis.publish("thread:1", (start + 1)...(start + 3))
            try eventually(within: 20, "they arrive") {
                try reader.ids.count == start + 3 && Self.ids(source, "thread:1").count == start + 3
                    && Self.ids(single).count == start + 3
            }
            try edge.stop()
            // Published while no edge runs.
            try redis.publish("thread:1", (start + 4)...(start + 5))
            try redis.publish("thread:2", (round + 1)...(round + 1))
            edge = try startEdge(port: port) { $0.limits.streamRetry = 100 }
        }
        try eventually(within: 20, "all arrive") {
            try reader.ids.count >= 15 && Self.ids(source, "thread:1").count >= 15
                && Self.ids(source, "thread:2").count >= 3 && Self.ids(single).count >= 15
        }
        #expect(reader.ids == Self.ids(1...15) && reader.resets == 0)
        #expect(try Self.ids(source, "thread:1") == Self.ids(1...15))
        #expect(try Self.ids(source, "thread:2") == Self.ids(1...3))
        #expect(try Self.ids(single) == Self.ids(1...15))
        #expect(try source.collected("thread:1").resets == 0 && source.trouble == nil && single.trouble == nil)
        #expect(source.connections == 4 && single.connections == 4)
        try reader.stop()
        try source.stop()
        try single.stop()
    }

    @Test("a cursor from the future")
    func cursorFromTheFuture() throws {
        let edge = try startEdge()
        try redis.publish("thread:1", 1...3)
        let client = HTTPClient(port: edge.port)
        let tail = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        // Redis has lost what this reader saw. Waiting until the numbers come again would hide that.
        for future in [Self.moved(tail, to: 4), Self.moved(tail, to: 1_000_000), "9" + tail.dropFirst()] {
            for query in ["", "&live=long-poll", "&live=sse"] {
                #expect(try client.get("/v1/channels/thread:1?offset=\(future)\(query)").status == 410)
            }
            let poll = try client.get("/v1/poll?c=thread:1@\(future)").json["channels"]?["thread:1"]
            #expect(poll?["reset"]?.bool == true && poll?["events"]?.array?.count == 3)
            #expect(poll?["next"]?.string == tail)
            let source = TestEventSource("/v1/events?c=thread:1@\(future)") { edge.port }
            try eventually("it is told") { source.events.count == 1 }
            #expect(try source.collected("thread:1").resets == 1 && Self.ids(source, "thread:1") == Self.ids(1...3))
            try source.stop()
        }
        // The cursor of Durable Streams is for caches: a larger one than ours is exceeded, not refused.
        let answer = try client.get("/v1/channels/thread:1?offset=-1&live=long-poll&cursor=999999999")
        #expect(answer.status == 200 && answer[header: "Stream-Cursor"].flatMap { Int($0) } ?? 0 > 999_999_999)
    }
}
