import Events
import TestSupport
import Testing

@testable import Edge

@Suite("Asking clients to slow down")
struct PressureTests {
    @Test("no pause below nine tenths of the connections, the longest at the limit")
    func pauses() {
        for (connections, pause) in [
            (0, Int64(0)), (900, 0), (901, 50), (950, 2500), (1000, 5000), (1200, 5000),
        ] {
            #expect(Pressure.pause(connections: connections, limit: 1000, isEnding: false) == pause)
        }
        #expect(Pressure.pause(connections: 1, limit: 1000, isEnding: true) == 1000)
        #expect(Pressure.pause(connections: 1000, limit: 1000, isEnding: true) == 5000)
    }

    @Test("a poll that is told to pause frees its connection")
    func poll() throws {
        let edge = try EdgeHarness { $0.limits.maxConnections = 20 }
        defer { try? edge.stop() }
        try edge.publish("1", to: "thread:1")
        let client = edge.client()
        #expect(try client.get("/v1/poll?c=thread:1@-1").json["wait"]?.integer == 0)
        let others = try (0..<19).map { _ in
            let client = edge.client()
            try client.send(raw: [])
            return client
        }
        try eventually { try edge.on { $0.server.connections } == 20 }
        let answer = try client.get("/v1/poll?c=thread:1@-1")
        #expect(try answer.json["wait"]?.integer == 5000)
        #expect(answer[header: "Connection"] == "close" && others.count == 19)
    }

    @Test("a hold is never longer than the client asked for, or than the default")
    func holds() throws {
        let edge = try EdgeHarness { $0.holdSeconds = 1 }
        defer { try? edge.stop() }
        let clock = ContinuousClock()
        let start = clock.now
        let clients = try ["", "&timeout=1"].map { query in
            let client = edge.client()
            try client.send(
                raw: "GET /v1/channels/thread:1?offset=now&live=long-poll\(query) HTTP/1.1\r\nHost: a\r\n\r\n")
            return client
        }
        for client in clients {
            #expect(try client.readResponse().status == 204)
            // The machine may be slow; the test below checks that the hold itself is short enough.
            #expect(clock.now - start > .milliseconds(600))
        }
    }

    @Test("holds are only shortened at random")
    func spread() throws {
        let loop = try EventLoop()
        let options = EdgeOptions(address: .tcp(host: "", port: 0), epochKey: "")
        let metrics = EdgeMetrics()
        let hub = Hub(on: loop, source: FakeSource(), limits: options.limits, metrics: metrics)
        let services = EdgeServices(hub: hub, metrics: metrics, options: options, seed: 1)
        var namedHolds: Set<Int64> = []
        for _ in 0..<1000 {
            let start = Clock.monotonicMilliseconds()
            let usual = services.endOfHold(seconds: nil, expires: nil) - start
            #expect((20_000...25_010).contains(usual))
            let named = services.endOfHold(seconds: 5, expires: nil) - start
            #expect((3880...4900).contains(named))
            namedHolds.insert(named)
            #expect((239_000...300_010).contains(services.endOfStream(expires: nil) - start))
            // A token that expires sooner ends them sooner.
            #expect(services.endOfHold(seconds: 5, expires: start + 70) == start + 70)
            #expect(services.endOfStream(expires: start + 70) == start + 70)
        }
        // Clients that ask for the same time, like all copies of a program, do not return together either.
        #expect(namedHolds.count > 100)
    }
}
