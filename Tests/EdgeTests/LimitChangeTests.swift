import TestSupport
import Testing

@testable import Edge

@Suite("Limits that change while an edge runs")
struct LimitChangeTests {
    @Test("a lower limit of connections refuses new ones and closes none")
    func connections() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let kept = edge.client()
        #expect(try kept.get("/live").status == 200)
        let stream = edge.client()
        try stream.send(raw: "GET /v1/channels/thread:1?offset=now&live=sse HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try stream.readHead().status == 200)
        let poll = edge.client()
        try poll.send(raw: "GET /v1/channels/thread:1?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try eventually("both are held") { try edge.on { $0.server.readers } == 2 }
        try edge.adopt { $0.maxConnections = 2 }
        #expect(try edge.client().get("/live").status == 503)
        #expect(try kept.get("/live").status == 200)
        try edge.publish("{\"n\":1}", to: "thread:1")
        #expect(try poll.readResponse().text.contains("{\"n\":1}"))
        // The connection also stays open after its answer.
        try poll.send(raw: "GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try poll.readResponse().text == "live\n")
        try edge.publish("{\"n\":2}", to: "thread:1")
        #expect(try edge.on { $0.server.readers } == 1)
        try edge.adopt { $0.maxConnections = 10 }
        #expect(try edge.client().get("/live").status == 200)
        withExtendedLifetime(stream) {}
    }

    @Test("new limits apply to later requests, also on open connections")
    func requests() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        func statuses() throws -> [Int] {
            [
                try client.get("/v1/poll?c=thread:1@-1&c=thread:2@-1&timeout=1").status,
                try client.post("/v1/comments", "{}\n{}\n", headers: ["Content-Type": "application/x-ndjson"]).status,
                try edge.client().get("/live?\(String(repeating: "x", count: 200))").status,
            ]
        }
        for number in 1...2 { try edge.publish("{}", to: "thread:\(number)") }
        #expect(try statuses() == [200, 202, 200])
        try edge.adopt {
            $0.channelsPerPoll = 1
            $0.commentsPerPost = 1
            $0.urlBytes = 100
        }
        #expect(try statuses() == [400, 413, 414])
        #expect(try edge.metric("limit{limit=\"url_bytes\"}") == 100)
        try edge.adopt { _ in }
        #expect(try statuses() == [200, 202, 200])
    }

    @Test("clients that connected without a limit per address count when there is one")
    func addresses() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [AddressRange("127.0.0.0/8")].compactMap { $0 })
            options.limits.connectionsPerAddress = 0
        }
        defer { try? edge.stop() }
        let fields = ["X-Forwarded-For": "1.2.3.4"]
        let clients = (0..<3).map { _ in edge.client() }
        for client in clients { #expect(try client.get("/live", headers: fields).status == 200) }
        try edge.adopt { $0.connectionsPerAddress = 2 }
        #expect(try edge.client().get("/live", headers: fields).status == 429)
        // Three are more than two, but they stay.
        for client in clients { #expect(try client.get("/live", headers: fields).status == 200) }
        for client in clients { client.close() }
        try eventually("they have left") { try edge.on { $0.server.connections } == 0 }
        let again = (0..<3).map { _ in edge.client() }
        #expect(try again.map { try $0.get("/live", headers: fields).status } == [200, 200, 429])
    }

    @Test("rings are shortened with their next event and memory is freed, but no reader loses an event")
    func rings() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let reader = TestEventSource("/v1/events?c=thread:1@-1") { edge.port }
        try edge.waitForHeld(1)
        for number in 1...20 { try edge.publish("\"\(number)\"", to: "thread:1") }
        let before = try edge.metric("ring_bytes") ?? 0
        try edge.adopt {
            $0.ringEvents = 2
            $0.maxChannels = 1
        }
        try edge.publish("\"21\"", to: "thread:1")
        try eventually("the ring is shorter") { try edge.metric("ring_bytes") ?? before < before / 2 }
        try eventually("all have come") { try reader.collected("thread:1").events.count == 21 }
        #expect(try reader.collected("thread:1").resets == 0)
        #expect(try edge.client().get("/v1/channels/thread:1").json.array?.count == 21)
        #expect(try edge.client().get("/v1/channels/thread:2").status == 503)
        try reader.stop()
    }

    @Test("new limits apply to tokens, also to those that were verified before")
    func tokens() throws {
        let mint = TokenMint()
        let key = try mint.hmacKey()
        let edge = try EdgeHarness { $0.access.tokenKeys = [key] }
        defer { try? edge.stop() }
        let claims = TokenMint.claims(["user:1", "user:2"], expires: 4_000_000_000)
        func status() throws -> Int {
            try edge.client().get("/v1/channels/user:1?access_token=\(mint.hmac(claims))").status
        }
        #expect(try status() == 200)
        try edge.adopt { $0.tokenChannels = 1 }
        #expect(try status() == 401)
        try edge.adopt { $0.tokenBytes = 50 }
        #expect(try status() == 401)
        try edge.adopt { _ in }
        #expect(try status() == 200)
    }
}
