import TestSupport
import Testing

@testable import Edge

@Suite("Clients with too many connections")
struct ExcessTests {
    private static let stream = "GET /v1/events?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test(
        "beyond the limit an EventSource is told when to reconnect, others get 429, and beyond the spare ones they are cut"
    )
    func direct() throws {
        var limits = EdgeLimits()
        limits.connectionsPerAddress = 1
        limits.spareConnections = 1
        let world = try PoolWorld(limits)
        func answer(_ client: PoolWorld.Client, to request: String) throws -> String {
            client.send(request)
            try world.runner.run(within: 5, "the answer is whole") { client.receive() }
            return client.received
        }
        let first = try world.connect(from: "1.2.3.4")
        let second = try world.connect(from: "1.2.3.4")
        // Beyond the spare connections as well: its request is not even read.
        let third = try world.connect(from: "1.2.3.4")
        #expect(third.receive() && third.received.hasPrefix("HTTP/1.1 429 "))
        let told = try answer(second, to: Self.stream)
        #expect(told.hasPrefix("HTTP/1.1 200 ") && told.contains("text/event-stream") && told.contains("retry: "))
        let fourth = try world.connect(from: "1.2.3.4")
        let refused = try answer(fourth, to: "GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(refused.hasPrefix("HTTP/1.1 429 ") && refused.contains("Connection: close"))
        let fifth = try world.connect(from: "1.2.3.4")
        let posted = try answer(fifth, to: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        #expect(posted.hasPrefix("HTTP/1.1 429 "))
        // Other clients are not affected.
        let other = try world.connect(from: "1.2.3.5")
        for client in [first, other] {
            client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
            try world.runner.run(within: 5, "it is served") {
                client.receive()
                return client.received.hasSuffix("live\n")
            }
        }
    }

    @Test("through a proxy as well")
    func proxied() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [AddressRange("127.0.0.0/8")!])
            options.limits.connectionsPerAddress = 1
        }
        defer { try? edge.stop() }
        let client = edge.client()
        let fields = ["X-Forwarded-For": "1.2.3.4"]
        #expect(try client.get("/live", headers: fields).status == 200)
        for path in ["/v1/events?c=thread:1@now", "/v1/channels/thread:1?offset=now&live=sse"] {
            let told = try edge.client().get(path, headers: fields)
            #expect(told.status == 200 && told[header: "Content-Type"] == "text/event-stream")
            #expect(told.text.hasPrefix("retry: ") && told[header: "Connection"] == "close")
        }
        #expect(try edge.client().get("/v1/poll?c=thread:1@now", headers: fields).status == 429)
        #expect(try client.get("/live", headers: fields).status == 200)
    }
}
