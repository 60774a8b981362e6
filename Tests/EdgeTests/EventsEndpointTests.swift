import Events
import TestSupport
import Testing

@testable import Edge

@Suite("GET /v1/events")
struct EventsEndpointTests {
    private static let empty = "0000000001_0000000000000_0001700000000000"

    private static func offset(_ sequence: Int) -> String { "0000000001_1700000000000_000000000000000\(sequence)" }

    private static func source(_ edge: EdgeHarness, _ query: String) -> TestEventSource {
        TestEventSource("/v1/events?\(query)") { edge.port }
    }

    @Test("the first event names all channels, the later ones those with news")
    func shape() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let source = Self.source(edge, "c=thread:1@-1&c=forum:x@now")
        try eventually { source.events.count == 1 }
        #expect(
            source.events[0].data == """
                {"channels":{"thread:1":{"next":"\(Self.offset(1))","events":[1],"reset":false},\
                "forum:x":{"next":"\(Self.empty)","events":[],"reset":false}},"wait":0}
                """)
        try edge.publish("{\"a\":2}", to: "forum:x")
        try eventually { source.events.count == 2 }
        #expect(
            source.events[1].data == """
                {"channels":{"forum:x":{"next":"\(Self.offset(1))","events":[{"a":2}],"reset":false}},"wait":0}
                """)
        #expect(source.events.allSatisfy { $0.type == "message" } && source.trouble == nil)
        let check = StreamEventID.check(of: ["thread:1", "forum:x"])
        #expect(
            StreamEventID.parse(source.lastEventID, check: check, count: 2) == [
                Position(epoch: 1, born: FakeSource.born, sequence: 1),
                Position(epoch: 1, born: FakeSource.born, sequence: 1),
            ])
        try source.stop()
        try edge.waitForHeld(0)
    }

    @Test("a stream that ends at its time limit is resumed at once, without loss or repetition")
    func rotation() throws {
        let edge = try EdgeHarness { options in
            options.limits.streamTimeout = 200
            options.limits.streamRetry = 60_000
        }
        defer { try? edge.stop() }
        let many = Self.source(edge, "c=thread:1@now&c=thread:2@now")
        let one = TestEventSource("/v1/channels/thread:1?offset=now&live=sse") { edge.port }
        try eventually { many.events.count == 1 && one.events.count == 1 }
        for number in 1...60 {
            try edge.publish("\(number)", to: "thread:1")
            if number % 3 == 0 { try edge.publish("\(number)", to: "thread:2") }
            // Meanwhile the streams reach their time limits.
            if number % 10 == 0 { try edge.waitForHeld(2) }
        }
        let seen = { (channel: String) in try many.collected(channel).events.compactMap { $0.integer } }
        // The page's retry is a minute: only the stream's last message can make it reconnect sooner.
        try eventually(within: 20, "both were rotated twice") { many.connections >= 3 && one.connections >= 3 }
        try edge.publish("61", to: "thread:1")
        try eventually(within: 20, "all arrive") { try seen("thread:1").count >= 61 }
        #expect(try seen("thread:1") == Array(1...61))
        #expect(try seen("thread:2") == (1...20).map { 3 * $0 })
        let numbers = {
            try one.events.filter { $0.type == "data" }.flatMap { try ParsedJSON(parsing: $0.data).array ?? [] }
                .compactMap { $0.integer }
        }
        try eventually(within: 20, "all arrive") { try numbers().count >= 61 }
        #expect(try numbers() == Array(1...61))
        #expect(many.trouble == nil && one.trouble == nil)
        #expect(try many.collected("thread:1").resets == 0)
        try many.stop()
        try one.stop()
    }

    @Test("a lost position is reported in the stream, which continues")
    func reset() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.on { $0.source.capacity = 2 }
        for number in 1...4 { try edge.publish("\(number)", to: "thread:1") }
        let source = Self.source(edge, "c=thread:1@\(Self.offset(1))&c=thread:2@now")
        try eventually { source.events.count == 1 }
        let first = try ParsedJSON(parsing: source.events[0].data)["channels"]
        #expect(first?["thread:1"]?["reset"]?.bool == true && first?["thread:2"]?["reset"]?.bool == false)
        #expect(first?["thread:1"]?["events"]?.array?.compactMap { $0.integer } == [3, 4])
        // The epoch changes under an open stream.
        try edge.on { world in
            world.source.breakLink()
            world.source.epoch = 2
            world.source.mendLink()
        }
        try eventually { try source.collected("thread:1").resets == 2 }
        try edge.publish("5", to: "thread:1")
        try eventually { try source.collected("thread:1").events.last?.integer == 5 }
        #expect(source.connections == 1 && source.trouble == nil)
        try source.stop()
    }

    @Test(
        "an id that no event of these channels had restarts every channel",
        arguments: ["x", "1.1.1.1-1", "-1", "%00"])
    func strangeID(_ id: String) throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let many = Self.source(edge, "c=thread:1@now&c=thread:2@now&lastEventId=\(id)")
        try eventually { many.events.count == 1 }
        let channels = try ParsedJSON(parsing: many.events[0].data)["channels"]
        #expect(channels?["thread:1"]?["reset"]?.bool == true && channels?["thread:2"]?["reset"]?.bool == true)
        #expect(channels?["thread:1"]?["events"]?.array?.count == 1)
        let one = TestEventSource("/v1/channels/thread:1?offset=now&live=sse&lastEventId=\(id)") { edge.port }
        try eventually { one.events.count == 3 }
        #expect(one.events.map(\.type) == ["reset", "data", "control"] && one.events[1].data == "[1]")
        #expect(many.trouble == nil && one.trouble == nil)
        try many.stop()
        try one.stop()
    }

    @Test("a silent stream sends heartbeats: comments, and now and then an empty event for the page")
    func heartbeat() throws {
        let edge = try EdgeHarness { $0.limits.heartbeat = 100 }
        defer { try? edge.stop() }
        let source = Self.source(edge, "c=thread:1@now")
        try eventually(within: 10, "an empty event") { source.events.count >= 2 }
        #expect(source.events[1].data == "{\"channels\":{},\"wait\":0}")
        #expect(source.comments >= StreamSchedule.commentsInARow)
        #expect(source.events[1].lastEventID == source.events[0].lastEventID && source.trouble == nil)
        try source.stop()
    }

    @Test(
        "an EventSource never gets an error that is temporary: not without Redis, not beyond the limits of channels or connections"
    )
    func patient() throws {
        let edge = try EdgeHarness { options in
            options.limits.loadTimeout = 100
            options.limits.maxChannels = 1
            options.limits.maxConnections = 4
            options.limits.spareConnections = 8
        }
        defer { try? edge.stop() }
        try edge.on { world in
            world.source.failsLoads = true
            world.source.trouble = "no connection to Redis"
        }
        let many = Self.source(edge, "c=thread:1@-1")
        let one = TestEventSource("/v1/channels/thread:1?offset=-1&live=sse") { edge.port }
        try eventually("both are connected") { many.connections == 1 && one.connections == 1 }
        func status(_ path: String) throws -> (HTTPResponse, EventSourceParser) {
            var parser = EventSourceParser()
            let client = edge.client()
            try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try client.readHead()
            #expect(parser.feed(try client.readToEnd()).isEmpty)
            return (head, parser)
        }
        // One channel and one connection beyond the limits.
        for path in ["/v1/events?c=thread:2@-1", "/v1/channels/thread:2?offset=-1&live=sse"] {
            let (head, parser) = try status(path)
            #expect(head.status == 200 && head[header: "Content-Type"] == "text/event-stream")
            #expect(parser.reconnectionTime ?? 0 >= 5000)
        }
        let fillers = try (0..<2).map { _ in
            let client = edge.client()
            try client.send(raw: [])
            return client
        }
        try eventually("all places are taken") { try edge.on { $0.server.connections } >= 4 }
        #expect(try status("/v1/events?c=thread:1@-1").0.status == 200)
        #expect(try edge.client().get("/v1/poll?c=thread:1@-1").status == 503)
        _ = fillers
        try edge.on { $0.source.failsLoads = false }
        try edge.publish("1", to: "thread:1")
        try eventually("the history arrives in the end") {
            try many.collected("thread:1").events.count == 1 && one.events.contains { $0.data == "[1]" }
        }
        #expect(many.trouble == nil && one.trouble == nil)
        try many.stop()
        try one.stop()
    }

    @Test("a history longer than the ring is sent in parts, each with an id to resume from")
    func longHistory() throws {
        let edge = try EdgeHarness { options in
            options.limits.ringEvents = 4
            options.limits.answerBytes = 20
        }
        defer { try? edge.stop() }
        for number in 10...59 {
            try edge.publish("\(number)", to: "thread:1")
            try edge.publish("\(number)", to: "thread:2")
        }
        let source = Self.source(edge, "c=thread:1@-1&c=thread:2@-1")
        for channel in ["thread:1", "thread:2"] {
            try eventually { try source.collected(channel).events.count >= 50 }
            #expect(try source.collected(channel).events.compactMap { $0.integer } == Array(10...59))
            #expect(try source.collected(channel).resets == 0)
        }
        #expect(Set(source.events.map(\.lastEventID)).count == source.events.count)
        try source.stop()
    }

    @Test("HEAD is answered without a stream")
    func head() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        let answer = try client.request("HEAD", "/v1/events?c=thread:1@-1")
        #expect(answer.status == 200 && answer[header: "Content-Type"] == "text/event-stream")
        #expect(try client.request("HEAD", "/v1/poll?c=thread:1@now").status == 200)
        #expect(try edge.metric("held") == 0)
    }

    @Test("a shutdown ends streams within the hold")
    func drain() throws {
        let edge = try EdgeHarness { $0.holdSeconds = 1 }
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: "GET /v1/events?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try edge.on { world in
            let loop = world.loop
            world.server.drain { loop.stop() }
        }
        _ = try client.readHead()
        var parser = EventSourceParser()
        #expect(parser.feed(try client.readToEnd()).count == 1)
        // The other processes may be busy, so it must not hurry.
        #expect(parser.reconnectionTime ?? 0 >= 2000)
        try eventually(within: 5, "the loop has ended") { edge.hasEnded }
    }

    @Test("an id that is not UTF-8 is a lost position")
    func idWithoutEncoding() throws {
        let edge = try EdgeHarness { $0.limits.streamTimeout = 150 }
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let streams = try [
            ("/v1/channels/thread:1?offset=now&live=sse", "event: reset\n"),
            ("/v1/events?c=thread:1@now", "\"reset\":true"),
        ].map { path, mark in
            let client = edge.client()
            let head = Array("GET \(path) HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1.".utf8)
            try client.send(raw: head + [0xFF, 0xC3] + Array("\r\n\r\n".utf8))
            return (client: client, mark: mark)
        }
        for (client, mark) in streams {
            let text = String(decoding: try client.readToEnd(), as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains(mark) && text.contains("[1]"))
        }
    }
}
