import Edge
import Foundation
import Redis
import TestSupport
import Testing

@Suite("The edge over Redis", .serialized)
struct LiveEdgeTests {
    private static func ids(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "\($0)" } }

    @Test("a reader that starts before the first event gets all of them, in order, both ways")
    func follow() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let readers = [ChannelReader.Way.longPoll, .poll].map { way in
            ChannelReader("thread:1", way: way, hold: 2) { edge.port }
        }
        for start in stride(from: 1, through: 401, by: 50) { try redis.publish("thread:1", start...(start + 49)) }
        for reader in readers {
            try eventually(within: 15, "all events arrive") { reader.ids.count >= 450 }
            #expect(reader.ids == Self.ids(1...450) && reader.resets == 0)
            try reader.stop()
        }
    }

    @Test("a position of a channel that did not exist is told that a feed lived and was removed since, at every edge")
    func lifeMissed() throws {
        let redis = try RedisServer()
        let edges = try (0..<2).map { _ in try LiveEdge(redis: redis.url) }
        defer { for edge in edges { try? edge.stop() } }
        let clients = edges.map { HTTPClient(port: $0.port) }
        let path = "/v1/channels/thread:1?offset="
        func removeFeed() throws {
            for id in try redis.cli("ZRANGE", "feed.ids:{thread:1}", "0", "-1").split(separator: "\n") {
                try redis.cli("ZADD", "feed.ids:{thread:1}", "1000", String(id))
            }
            try eventually("the sweep removes it") {
                try redis.cli("FCALL", "tidings_sweep", "0", "0", "1").hasSuffix("1")
            }
        }
        let first = try #require(try clients[0].get(path + "-1")[header: "Stream-Next-Offset"])
        // It is good at the other edge, and when the first event has come.
        #expect(try clients[1].get(path + first).text == "[]")
        try redis.publish("thread:1", 1...2)
        for client in clients {
            try eventually("the first events come") { try client.get(path + first).json.array?.count == 2 }
        }
        // The feed is removed. One edge keeps a ring of what was there; the other looks anew for whom it does not know.
        try removeFeed()
        let fresh = try LiveEdge(redis: redis.url)
        defer { try? fresh.stop() }
        let second = try #require(try HTTPClient(port: fresh.port).get(path + "-1")[header: "Stream-Next-Offset"])
        #expect(second > first)
        #expect(try HTTPClient(port: fresh.port).get(path + first).status == 410)
        for client in clients { #expect(try client.get(path + second).text == "[]") }
        for client in clients { #expect(try client.get(path + first).status == 410) }
        // It is born again: the reader who missed the first life is told, the other one gets all of the second.
        try awaitNextBirth()
        try redis.publish("thread:1", 3...5)
        for port in edges.map(\.port) + [fresh.port] {
            let client = HTTPClient(port: port)
            try eventually("the new events come") { try client.get(path + second).json.array?.count == 3 }
            for live in ["", "&live=long-poll", "&live=sse"] {
                #expect(try client.get(path + first + live).status == 410)
            }
            let poll = try client.get("/v1/poll?c=thread:1@\(first)").json["channels"]?["thread:1"]
            #expect(poll?["reset"]?.bool == true && poll?["events"]?.array?.count == 3)
            let source = TestEventSource("/v1/events?c=thread:1@\(first)") { port }
            try eventually("it is told") { source.events.count == 1 }
            #expect(try source.collected("thread:1").resets == 1)
            try source.stop()
        }
    }

    @Test("a held poll of a channel without a feed ends with a position that is good at another edge, and never falls")
    func heldUnborn() throws {
        let redis = try RedisServer()
        let edges = try (0..<2).map { _ in try LiveEdge(redis: redis.url) }
        defer { for edge in edges { try? edge.stop() } }
        let path = "/v1/channels/thread:1?offset="
        var offsets = [
            try #require(try HTTPClient(port: edges[0].port).get(path + "now")[header: "Stream-Next-Offset"])
        ]
        for round in 0..<4 {
            // Time passes at the server; each edge knows it as of its last look.
            try redis.cli("HINCRBY", "feed.swept", "time", "600000")
            let client = HTTPClient(port: edges[(round + 1) % 2].port)
            let answer = try client.get(path + "\(offsets[round])&live=long-poll&timeout=1")
            #expect(answer.status == 204)
            offsets.append(try #require(answer[header: "Stream-Next-Offset"]))
        }
        #expect(offsets == offsets.sorted() && Set(offsets).count == 2, "\(offsets)")
        try redis.publish("thread:1", 1...1)
        for offset in offsets {
            for edge in edges {
                #expect(try HTTPClient(port: edge.port).get(path + offset + "&live=long-poll").text == #"[{"id":"1"}]"#)
            }
        }
    }

    @Test("connections that are cut between publishing and reading lose nothing")
    func cutConnections() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let reader = ChannelReader("thread:1", hold: 2) { edge.port }
        var next = 1
        for _ in 0..<8 {
            try redis.publish("thread:1", next...(next + 39))
            // The server disconnects every client: announcements in flight are lost.
            try redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
            try redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            try redis.publish("thread:1", (next + 40)...(next + 49))
            next += 50
        }
        try eventually(within: 30, "all events arrive") { reader.ids.count >= 400 }
        #expect(reader.ids == Self.ids(1...400) && reader.resets == 0)
        try reader.stop()
    }

    @Test("after a restart of Redis with its data, readers continue")
    func restart() throws {
        let redis = try RedisServer(appendOnly: .always)
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let reader = ChannelReader("thread:1", hold: 2) { edge.port }
        try redis.publish("thread:1", 1...20)
        try eventually { reader.ids.count == 20 }
        try redis.restart()
        try redis.publish("thread:1", 21...40)
        try eventually(within: 30, "all events arrive") { reader.ids.count >= 40 }
        #expect(reader.ids == Self.ids(1...40) && reader.resets == 0)
        try reader.stop()
    }

    @Test("while Redis is silent or gone the edge is not ready, and its held polls survive that")
    func outage() throws {
        let redis = try RedisServer(appendOnly: .always)
        let heartbeat: RedisSubscriber.Heartbeat = (interval: 300, deadline: 1000)
        let edge = try LiveEdge(redis: redis.url, heartbeat: heartbeat)
        defer { try? edge.stop() }
        try redis.publish("thread:1", 1...1)
        let client = HTTPClient(port: edge.port)
        let polls = [
            "/v1/channels/thread:1?offset=now&live=long-poll&timeout=55", "/v1/poll?c=thread:1@now&timeout=55",
        ]
        let events = TestEventSource("/v1/events?c=thread:1@now") { edge.port }
        // Silence is noticed at the heartbeat after it has lasted too long.
        let silent = Double(heartbeat.interval + heartbeat.deadline) / 1000 + 0.3
        for (number, hasGone) in [(2, false), (3, true)] {
            let held = try polls.map { path in
                let client = HTTPClient(port: edge.port, timeout: 60)
                try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                return client
            }
            try eventually("all are held") { try client.get("/metrics").text.contains("tidings_edge_held 3\n") }
            if hasGone { try redis.kill() } else { redis.pause() }
            try eventually(within: hasGone ? 1 : silent, "red") { try client.get("/ready").status == 503 }
            #expect(try client.get("/live").status == 200)
            if hasGone { try redis.restart() } else { redis.resume() }
            try eventually(within: 10, "green") { try client.get("/ready").status == 200 }
            try redis.publish("thread:1", number...number)
            for client in held { #expect(try client.readResponse().text.contains("[{\"id\":\"\(number)\"}]")) }
            try eventually { try events.collected("thread:1").events.last?["id"]?.string == "\(number)" }
        }
        #expect(try events.connections == 1 && events.collected("thread:1").resets == 0)
        try events.stop()
    }

    @Test("after a restart nothing is read before the new epoch is known, and then every position has it")
    func heldHello() throws {
        let redis = try RedisServer(appendOnly: .always)
        let edge = try LiveEdge(redis: redis.url, greets: true) { $0.limits.loadTimeout = 300 }
        defer { try? edge.stop() }
        try redis.publish("thread:1", 1...3)
        let client = HTTPClient(port: edge.port)
        let old = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        let waiting = HTTPClient(port: edge.port)
        try waiting.send(
            raw: "GET /v1/channels/thread:1?offset=\(old)&live=long-poll&timeout=55 HTTP/1.1\r\nHost: a\r\n\r\n")
        try eventually("it is held") { try client.get("/metrics").text.contains("tidings_edge_held 1\n") }
        edge.holdHello(true)
        try redis.restart()
        try eventually(within: 20, "the channel is subscribed to, and the edge hears itself") {
            try client.get("/ready").text.contains("not ready for the pipeline")
                && redis.cli("PUBSUB", "NUMSUB", "feed.publish:{thread:1}").hasSuffix("1")
        }
        #expect(try client.get("/v1/channels/thread:1").status == 503)
        edge.holdHello(false)
        #expect(try waiting.readResponse().status == 410)
        try eventually("ready") { try client.get("/ready").status == 200 }
        let new = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        let epoch = try redis.cli("HGET", "{comments.0}:epoch", "number")
        func digits(_ offset: String) -> Substring { offset.prefix { $0 != "_" } }
        #expect(digits(new) == epoch && digits(old) != epoch)
        #expect(try client.get("/v1/channels/thread:1?offset=\(old)").status == 410)
    }

    @Test("a new epoch invalidates every position, and readers start again")
    func epoch() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        try redis.publish("thread:1", 1...3)
        let client = HTTPClient(port: edge.port)
        let offset = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        try redis.cli("HSET", "{comments.0}:epoch", "number", "7")
        try redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
        try eventually(within: 20, "the position is lost") {
            try client.get("/v1/channels/thread:1?offset=\(offset)").status == 410
        }
        let again = try client.get("/v1/channels/thread:1")
        #expect(again.text == "[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}]")
        #expect(again[header: "Stream-Next-Offset"]?.hasPrefix("0000000007_") == true)
    }

    @Test("a feed that is removed and published to again is another feed")
    func reborn() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        try redis.publish("thread:1", 1...3)
        let reader = ChannelReader("thread:1", hold: 5) { edge.port }
        try eventually { reader.ids.count == 3 }
        try redis.cli("FLUSHALL")
        try awaitNextBirth()
        try redis.publish("thread:1", 4...4)
        try eventually(within: 15, "the new feed's event arrives") { reader.ids.contains("4") }
        #expect(reader.ids == Self.ids(1...4) && reader.resets == 1)
        try reader.stop()
    }

    @Test("whatever another Thoonk client publishes, answers stay valid")
    func strangers() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let client = HTTPClient(port: edge.port)
        #expect(try client.get("/v1/channels/thread:1").text == "[]")
        try redis.cli("FCALL", "tidings_publish", "0", "thread:1", "10", "60000", "no json", "{\n\"a\":\n1}")
        try eventually { try client.get("/v1/channels/thread:1").json.array?.count == 2 }
        let events = try client.get("/v1/channels/thread:1").json
        #expect(events[0]?.string == "no json" && events[1]?["a"]?.integer == 1)
        // An id that is not a sequence number is not an event of the channel.
        try redis.cli("PUBLISH", "feed.publish:{thread:1}", "some-id")
        try redis.publish("thread:1", 3...3)
        try eventually { try client.get("/v1/channels/thread:1").json.array?.count == 3 }
    }

    @Test("a closed conversation is told by its event, and by its feed when the event is gone")
    func closed() throws {
        let redis = try RedisServer()
        let edges = try (0..<2).map { _ in try LiveEdge(redis: redis.url) }
        defer { for edge in edges { try? edge.stop() } }
        let clients = edges.map { HTTPClient(port: $0.port) }
        let path = "/v1/channels/thread:1?offset=-1"
        func publish(_ event: String) throws {
            try redis.cli("FCALL", "tidings_publish", "0", "thread:1", "2", "60000", event)
        }
        try publish(#"{"thread":"1","id":"c"}"#)
        #expect(try clients[0].get(path)[header: "Stream-Closed"] == nil)
        try publish(#"{"thread":"1","type":"thread.closed"}"#)
        try redis.cli("HSET", "feed.config:{thread:1}", "closed", "1")
        try eventually("the closing comes") { try clients[0].get(path)[header: "Stream-Closed"] == "true" }
        for version in 2...4 {
            try publish(#"{"thread":"1","id":"c","type":"comment.edited","v":\#(version)}"#)
        }
        // The other edge sees no closing any more.
        let late = try clients[1].get(path)
        #expect(late[header: "Stream-Closed"] == "true" && !late.text.contains("thread.closed"))
        #expect(try clients[0].get(path)[header: "Stream-Closed"] == "true")
        try redis.cli("HDEL", "feed.config:{thread:1}", "closed")
        try publish(#"{"thread":"1","type":"thread.opened"}"#)
        for client in clients {
            try eventually("the opening comes") { try client.get(path)[header: "Stream-Closed"] == nil }
        }
    }

    @Test("a history longer than the ring is read from the feed in parts")
    func longHistory() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        try redis.publish("thread:1", 1...3000, history: 5000)
        let reader = ChannelReader("thread:1", hold: 2) { edge.port }
        try eventually(within: 20, "all events arrive") { reader.ids.count >= 3000 }
        #expect(reader.ids == Self.ids(1...3000) && reader.resets == 0)
        try reader.stop()
    }
}

/// Channels whose names look alike: `é` is one character or two, and the strings are equal by `==`.
@Suite("Names that look alike")
struct ChannelSpellingTests {
    @Test("two spellings of one name are two channels, for reading, waiting and announcements")
    func twoChannels() throws {
        let redis = try RedisServer()
        let edge = try LiveEdge(redis: redis.url)
        defer { try? edge.stop() }
        let one = "thread:caf\u{E9}"
        let other = "thread:cafe\u{301}"
        let paths = ["thread:caf%C3%A9", "thread:cafe%CC%81"]
        try redis.publish(one, 1...1)
        let client = HTTPClient(port: edge.port)
        #expect(try client.get("/v1/channels/\(paths[0])").text == "[{\"id\":\"1\"}]")
        #expect(try client.get("/v1/channels/\(paths[1])").text == "[]")
        // Both are subscribed now: an announcement of one must not reach the other.
        let both = try client.get("/v1/poll?c=\(paths[0])@-1&c=\(paths[1])@-1")
        #expect(both.status == 200, "\(both.text)")
        let readers = [other, one].map { ChannelReader($0, way: .longPoll, hold: 2) { edge.port } }
        try eventually("both are held") { try client.get("/metrics").text.contains("tidings_edge_held 2\n") }
        try redis.publish(other, 2...2)
        try redis.publish(one, 3...3)
        try eventually("both have their news") { readers[0].ids == ["2"] && readers[1].ids == ["1", "3"] }
        for reader in readers { try reader.stop() }
    }
}
