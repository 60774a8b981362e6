import Glibc
import Supervision
import TestSupport
import Testing

/// Data that goes back in time under real processes, with no connection cut.
@Suite("data that goes back in time under running processes")
struct EpochTests {
    private static func ids(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "\($0)" } }

    private static func ids(_ response: HTTPResponse) throws -> [String] {
        try response.json.array?.compactMap { $0["id"]?.string } ?? []
    }

    @Test(
        "a master that was the replica of an older one: a reader at the end of the lost line is told, and gets everything",
        arguments: [true, false])
    func replicaAndBack(edgeKnowsChannel: Bool) throws {
        let pair = try ReplicaPair()
        let edges = try EdgePool(pair.first.url, workers: 1)
        // Started before as well, and nobody has read from it: it holds nothing of the channel.
        let fresh = try EdgePool(pair.first.url, workers: 1)
        let client = HTTPClient(port: edges.port)
        try pair.first.publish("thread:1", 1...14)
        try pair.copyToSecond()
        try pair.first.publish("thread:1", 15...19)
        let read = try client.get("/v1/channels/thread:1")
        #expect(try Self.ids(read) == Self.ids(1...19))
        let old = try #require(read[header: "Stream-Next-Offset"])
        let run = try pair.first.cli("INFO", "server").split(separator: "\n").first { $0.hasPrefix("run_id") }

        try pair.followSecond()
        try pair.promoteFirst()
        #expect(try pair.first.cli("INFO", "server").split(separator: "\n").first { $0.hasPrefix("run_id") } == run)
        try pair.first.publish("thread:1", 115...120)
        // At once, within the time of a heartbeat.
        let port = edgeKnowsChannel ? edges.port : fresh.port
        var answer = try HTTPClient(port: port).get("/v1/channels/thread:1?offset=\(old)")
        try eventually(within: 10, "it is answered") {
            if answer.status != 503 { return true }
            answer = try HTTPClient(port: port).get("/v1/channels/thread:1?offset=\(old)")
            return answer.status != 503
        }
        #expect(answer.status == 410, "\(answer.status) \(answer.text)")
        let all = try HTTPClient(port: port).get("/v1/channels/thread:1")
        #expect(try Self.ids(all) == Self.ids(1...14) + Self.ids(115...120))
        let new = try #require(all[header: "Stream-Next-Offset"])
        #expect(new.prefix(16) > old.prefix(16))
        try eventually(within: 10, "both are ready") { edges.readiness() == 200 && fresh.readiness() == 200 }
        for pool in [edges, fresh] {
            #expect(try HTTPClient(port: pool.port).get("/v1/channels/thread:1?offset=\(new)").status == 200)
        }
    }

    @Test("lines of the same length: the reader is told within a heartbeat, though the next number fits")
    func sameLength() throws {
        let pair = try ReplicaPair()
        let edges = try EdgePool(pair.first.url, workers: 1)
        let port = edges.port
        try pair.first.publish("thread:1", 1...14)
        try pair.copyToSecond()
        try pair.second.publish("thread:1", 115...119)
        try pair.first.publish("thread:1", 15...19)
        let reader = ChannelReader("thread:1", way: .longPoll, hold: 5) { port }
        try eventually("it has what there is") { reader.ids.count == 19 }
        try pair.followSecond()
        try pair.promoteFirst()
        try eventually(within: 15, "it is told, and has everything") { reader.ids.count >= 38 }
        #expect(reader.ids == Self.ids(1...19) + Self.ids(1...14) + Self.ids(115...119))
        #expect(reader.resets == 1)
        try reader.stop()
    }

    @Test("a master that became a replica: not ready and why, and ready again by itself")
    func replica() throws {
        let pair = try ReplicaPair()
        let edges = try EdgePool(pair.first.url, workers: 1)
        try pair.first.publish("thread:1", 1...3)
        let held = HTTPClient(port: edges.port)
        let old = try #require(try held.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        try pair.copyToSecond()
        try pair.followSecond()
        try eventually(within: 10, "it says why") {
            let answer = try HTTPClient(port: edges.port).get("/ready")
            return answer.status == 503 && answer.text.contains("READONLY")
        }
        let client = HTTPClient(port: edges.port)
        #expect(try client.post("/v1/comments", #"{"thread":"1","text":"x"}"#).status == 503)
        // What the other server announces is of an epoch that is not known: it is not delivered, and its readers are told.
        try pair.second.publish("thread:1", 4...4)
        let late = try held.get("/v1/channels/thread:1?offset=\(old)&live=long-poll&timeout=20")
        #expect(late.status == 503 && late.text.contains("READONLY"), "\(late.status) \(late.text)")
        try pair.promoteFirst()
        try eventually(within: 10, "ready again") { edges.readiness() == 200 }
        // It had written nothing that the other server lacked, so its data went on: nothing was lost, no reader is reset.
        let rest = try held.get("/v1/channels/thread:1?offset=\(old)")
        #expect(rest.status == 200 && rest.text == #"[{"id":"4"}]"#, "\(rest.status) \(rest.text)")
    }

    @Test("FLUSHALL: readers are told, comments flow again, and status and /ready are well within two heartbeats")
    func flushed() throws {
        let world = try OutageWorld()
        let pool = try world.launch("work", "--workers", "2")
        try world.waitForOwners(2)
        let edges = try EdgePool(world.server.url, workers: 1, arguments: ["--config", world.configuration])
        let port = edges.port
        #expect(try world.enqueue(OutageWorld.lines(0..<9)).succeeded)
        try world.expectPublished(9)
        let reader = ChannelReader("thread:t0", way: .longPoll, hold: 5) { port }
        let stream = TestEventSource("/v1/events?c=thread:t1@-1") { port }
        try eventually("both have what there is") {
            try reader.ids.count == 3 && stream.collected("thread:t1").events.count == 3
        }
        try world.server.cli("FLUSHALL")
        #expect(try world.enqueue(OutageWorld.lines(0..<9)).succeeded)
        try world.expectPublished(9, within: 8)
        try eventually(within: 8, "the readers are told, and have what there is") {
            try reader.resets == 1 && reader.ids.count == 6 && stream.collected("thread:t1").resets == 1
                && stream.collected("thread:t1").events.count == 6
        }
        try world.waitForOwners(2, within: 8)
        try eventually(within: 8, "ready, and a pipeline") {
            try edges.readiness() == 200
                && TidingsBinary.run(["status", "--config", world.configuration, "--redis", world.server.url]).succeeded
        }
        // A worker that dies now costs what it always does, and not its lease.
        let victim = try #require(world.workers(of: pool).first)
        try world.server.cli("DEL", "comments:config")
        kill(victim, SIGKILL)
        try world.waitForOwners(2, within: 8)
        try reader.stop()
        try stream.stop()
        withExtendedLifetime(pool) {}
    }

    @Test("a reader that waits on a quiet channel is told after FLUSHALL, within a heartbeat")
    func flushedQuietly() throws {
        let server = try RedisServer()
        let edges = try EdgePool(server.url, workers: 1)
        try server.publish("thread:1", 1...3)
        let client = HTTPClient(port: edges.port)
        let old = try #require(try client.get("/v1/channels/thread:1")[header: "Stream-Next-Offset"])
        try client.send(
            raw: "GET /v1/channels/thread:1?offset=\(old)&live=long-poll&timeout=55 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        try server.cli("FLUSHALL")
        client.timeout = 10
        #expect(try client.readResponse().status == 410)
        #expect(edges.readiness() == 200)
    }
}
