import Glibc
import TestSupport
import Testing

/// `/ready` of a real edge: red when Redis is gone or deaf, green when it is back, and no reader misses anything.
struct EdgeReadyTests {
    /// How long an edge may seem ready when it is not, in seconds.
    private static let limit = 5.0

    private static func ids(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "\($0)" } }

    @Test("an edge that hears no announcements while commands work is red within 5 s, and misses nothing")
    func deaf() throws {
        let server = try RedisServer()
        let proxy = try SlowProxy(to: server.socket)
        let edges = try EdgePool(proxy.url, workers: 1)
        let port = edges.port
        try server.publish("thread:1", 1...3)
        let reader = ChannelReader("thread:1") { port }
        let stream = TestEventSource("/v1/events?c=thread:1@-1&c=thread:2@-1") { port }
        try eventually("both have what there is") {
            try reader.ids.count == 3 && stream.collected("thread:1").events.count == 3
        }
        let accepted = proxy.accepted
        proxy.set(SlowProxy.Line(isDeaf: true))
        try eventually(within: Self.limit, "red") { edges.readiness() == 503 }
        try server.publish("thread:1", 4...6)
        let client = HTTPClient(port: port)
        #expect(try client.get("/ready").text.contains("announcements are not received"))
        #expect(try client.post("/v1/comments", #"{"thread":"9","text":"taken"}"#).status == 202)
        #expect(try client.get("/live").status == 200)
        // It connects anew, and is as deaf as before.
        try eventually(within: 10, "another connection is deaf") { proxy.accepted > accepted && proxy.deaf > 0 }
        #expect(edges.readiness() == 503)
        #expect(reader.ids == Self.ids(1...3))

        proxy.set(SlowProxy.Line())
        try eventually(within: 10, "green") { edges.readiness() == 200 }
        try server.publish("thread:1", 7...9)
        try eventually("the reader has all") { reader.ids.count >= 9 }
        try eventually("the stream has all") { try stream.collected("thread:1").events.count >= 9 }
        #expect(reader.ids == Self.ids(1...9) && reader.resets == 0)
        #expect(try stream.collected("thread:1").events.compactMap { $0["id"]?.string } == Self.ids(1...9))
        #expect(try stream.collected("thread:1").resets == 0 && stream.connections == 1)
        try reader.stop()
        try stream.stop()
    }

    @Test("one connection that goes deaf for good is found out and replaced, and what it missed comes within 5 s")
    func oneConnection() throws {
        let server = try RedisServer()
        let proxy = try SlowProxy(to: server.socket)
        let edges = try EdgePool(proxy.url, workers: 1)
        let port = edges.port
        let reader = ChannelReader("thread:1") { port }
        try server.publish("thread:1", 1...3)
        try eventually("the reader has what there is") { reader.ids.count == 3 }
        let before = (pids: edges.pids, deaf: proxy.deaf)
        proxy.set(SlowProxy.Line(isDeaf: true))
        try eventually("it is deaf") { proxy.deaf == 1 }
        // From now on the line is good; only what stands has a hole.
        proxy.set(SlowProxy.Line())
        try server.publish("thread:1", 4...6)
        try eventually(within: Self.limit, "what was missed comes") { reader.ids.count >= 6 }
        #expect(reader.ids == Self.ids(1...6) && reader.resets == 0 && reader.failures == [])
        try eventually(within: 5, "green") { edges.readiness() == 200 }
        #expect(before.deaf == 0 && proxy.deaf == 0 && edges.pids == before.pids)
        try reader.stop()
    }

    @Test(
        "a Redis that stands still or is killed makes it red within 5 s; when it is back it is green, and readers go on",
        arguments: [true, false])
    func away(isStopped: Bool) throws {
        let server = try RedisServer(appendOnly: .always)
        let edges = try EdgePool(server.url, workers: 1)
        let port = edges.port
        try server.publish("thread:1", 1...3)
        let reader = ChannelReader("thread:1") { port }
        try eventually("the reader has what there is") { reader.ids.count == 3 }
        let pids = edges.pids
        if isStopped { server.pause() } else { try server.kill() }
        try eventually(within: Self.limit, "red") { edges.readiness() == 503 }
        #expect(try HTTPClient(port: port).get("/live").status == 200)
        if isStopped { server.resume() } else { try server.restart() }
        // At once: before the edge has connected and subscribed again.
        try server.publish("thread:1", 4...6)
        try eventually(within: 10, "green") { edges.readiness() == 200 }
        try server.publish("thread:1", 7...9)
        // A server that was killed may have lost something, so its readers begin anew.
        let wanted = isStopped ? Self.ids(1...9) : Self.ids(1...3) + Self.ids(1...9)
        try eventually(within: 20, "the reader has all") { reader.ids.count >= wanted.count }
        #expect(reader.ids == wanted && reader.resets == (isStopped ? 0 : 1))
        #expect(edges.pids == pids)
        try reader.stop()
    }
}
