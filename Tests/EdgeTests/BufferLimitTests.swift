import Events
import TestSupport
import Testing

@testable import Edge

/// Clients that send half of what they announced, or read half of what they asked for.
@Suite("The memory for buffered input and blocked answers", .serialized)
struct BufferLimitTests {
    private static let live = "GET /live HTTP/1.1\r\nHost: a\r\n\r\n"

    /// The first 50,000 bytes of a larger post.
    private static func half(isChunked: Bool) -> String {
        "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
            + (isChunked ? "Transfer-Encoding: chunked\r\n\r\nea60\r\n" : "Content-Length: 60000\r\n\r\n")
            + String(repeating: " ", count: 50_000)
    }

    @Test(
        "stalled posts are bounded: the next one is 503, whatever its framing, and other requests are served",
        arguments: [false, true])
    func stalledPosts(_ isChunked: Bool) throws {
        let edge = try EdgeHarness { $0.limits.bufferBytes = 400_000 }
        defer { try? edge.stop() }
        let clients = (0..<40).map { _ in edge.client(timeout: 0.1) }
        for client in clients { try client.send(raw: Self.half(isChunked: isChunked)) }
        // Half of the limit is for input: four of these fit, or three where the whole length is reserved.
        try eventually("most are refused") { try edge.metric("inputs_refused_total")! >= 36 }
        #expect(try edge.metric("buffer_bytes")! <= 200_000)
        // A request that arrives completely is accepted all the same.
        #expect(try edge.client().get("/live").status == 200)
        #expect(try edge.client().post("/v1/comments", "{\"a\":1}").status == 202)
        var refused = 0
        for client in clients {
            guard let answer = try? client.readResponse() else { continue }
            refused += 1
            #expect(answer.status == 503 && answer[header: "Retry-After"] == "2")
            #expect(answer[header: "Connection"] == "close")
        }
        #expect(try edge.metric("inputs_refused_total") == refused && (36...38).contains(refused))
        for client in clients { client.close() }
        try eventually("all is given back") { try edge.metric("buffer_bytes") == 0 }
        #expect(try edge.metric("answers_cut_total") == 0)
    }

    @Test("a single post is accepted whatever its size")
    func alone() throws {
        let edge = try EdgeHarness { $0.limits.bufferBytes = 1000 }
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: Self.half(isChunked: false))
        try eventually { try edge.metric("buffer_bytes") == 50_000 }
        try client.send(raw: String(repeating: " ", count: 9998) + "{}")
        #expect(try client.readResponse().status == 202)
        #expect(try edge.metric("buffer_bytes") == 0 && edge.metric("inputs_refused_total") == 0)
    }

    @Test("requests behind a held one are dropped as well: it is answered and its connection closed")
    func behindHold() throws {
        let edge = try EdgeHarness { $0.limits.bufferBytes = 110_000 }
        defer { try? edge.stop() }
        let stalled = edge.client()
        try stalled.send(raw: Self.half(isChunked: false))
        try eventually { try edge.metric("buffer_bytes") == 50_000 }
        let client = edge.client()
        try client.send(raw: "GET /v1/channels/thread:1?offset=now&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(1)
        try client.send(raw: String(repeating: Self.live, count: 300))
        try eventually { try edge.metric("inputs_refused_total") == 1 }
        #expect(try edge.metric("buffer_bytes") == 50_000)
        try edge.publish("1", to: "thread:1")
        let answer = try client.readResponse()
        #expect(answer.text == "[1]" && answer[header: "Connection"] == "close")
        #expect(try edge.client().get("/live").status == 200)
    }

    // MARK: Readers

    private static func large(_ number: Int) -> String {
        "\"\(number)" + String(repeating: "x", count: 400_000) + "\""
    }

    /// Requests a large answer and reads nothing.
    private static func stall(_ world: PoolWorld, _ target: String, blocked: Int) throws -> PoolWorld.Client {
        let client = try world.connect()
        client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.runner.run(within: 5, "it is blocked") { world.pool.metrics.writesDelayed == blocked }
        return client
    }

    private static func serves(_ world: PoolWorld) throws {
        let client = try world.connect()
        client.send(live)
        try world.runner.run(within: 5, "others are served") {
            client.receive()
            return client.answers == 1
        }
    }

    @Test(
        "readers that take nothing are bounded: the one blocked longest is cut and can resume",
        arguments: [
            // Only the rest of a stream's piece is kept, but a whole body.
            ("/v1/channels/thread:%?offset=-1", 6), ("/v1/events?c=thread:%@-1", 2),
        ])
    func stalledReaders(_ target: String, _ least: Int) throws {
        var limits = EdgeLimits()
        limits.bufferBytes = 1_000_000
        let world = try PoolWorld(limits)
        var clients: [PoolWorld.Client] = []
        for number in 1...8 {
            world.source.publish(Self.large(number), to: "thread:\(number)")
            let path = target.split(separator: "%").joined(separator: "\(number)")
            clients.append(try Self.stall(world, path, blocked: number))
            #expect(world.pool.budget.bytes <= limits.bufferBytes)
            #expect(world.pool.budget.count + world.pool.metrics.answersCut == number)
            try Self.serves(world)
        }
        let cut = world.pool.metrics.answersCut
        #expect(cut >= least && cut < 8)
        // The first ones were cut in the middle of the answer. The others receive everything, and so does one that
        // reconnects.
        var isClosed = clients.map { _ in false }
        try world.runner.run(within: 5, "the others have it") {
            for (index, client) in clients.enumerated() where !isClosed[index] { isClosed[index] = client.receive() }
            return clients.dropFirst(cut).allSatisfy { $0.received.utf8.count > 400_000 }
        }
        #expect(isClosed == clients.indices.map { $0 < cut })
        #expect(clients.prefix(cut).allSatisfy { $0.received.utf8.count < 400_000 && $0.answers == 1 })
        let back = try world.connect()
        back.send("GET /v1/channels/thread:1?offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.runner.run(within: 5, "it has its event") {
            back.receive()
            return back.received.hasSuffix(Self.large(1) + "]")
        }
        clients = []
        try world.runner.run(within: 5, "all is given back") { world.pool.budget.bytes == 0 }
    }

    @Test("a body that blocked readers share counts once: none is cut")
    func sharedBody() throws {
        var limits = EdgeLimits()
        limits.bufferBytes = 1_000_000
        let world = try PoolWorld(limits)
        world.source.publish(Self.large(1), to: "thread:1")
        var clients = try (1...20).map {
            try Self.stall(world, "/v1/channels/thread:1?offset=-1", blocked: $0)
        }
        #expect(world.pool.budget.count == 20 && world.pool.budget.bytes < 500_000)
        #expect(world.pool.metrics.answersCut == 0)
        clients = []
        try world.runner.run(within: 5, "all is given back") { world.pool.budget.bytes == 0 && clients.isEmpty }
    }

    @Test("posts and readers share the limit: input may use half, and readers are cut for it")
    func both() throws {
        var limits = EdgeLimits()
        limits.bufferBytes = 900_000
        let world = try PoolWorld(limits)
        var readers: [PoolWorld.Client] = []
        for number in 1...2 {
            world.source.publish(Self.large(number), to: "thread:\(number)")
            readers.append(try Self.stall(world, "/v1/channels/thread:\(number)?offset=-1", blocked: number))
        }
        #expect(world.pool.metrics.answersCut == 0)
        let posts = try (1...3).map { number in
            let client = try world.connect()
            client.send(Self.half(isChunked: false))
            try world.runner.run(within: 5, "it is read") { world.pool.budget.input == 50_000 * number }
            return client
        }
        #expect(world.pool.metrics.answersCut == 1 && world.pool.budget.count == 1)
        try world.runner.run(within: 5, "the first reader is told") { readers[0].receive() }
        for post in posts { post.send(String(repeating: " ", count: 9998) + "{}") }
        try world.runner.run(within: 5, "the posts are taken") {
            for post in posts { post.receive() }
            return posts.allSatisfy { $0.statuses == [202] }
        }
        try Self.serves(world)
    }

    // MARK: Time

    @Test("a reader that trickles is cut at the answer's deadline; one that is fast enough gets everything")
    func trickle() throws {
        var limits = EdgeLimits()
        limits.writeTimeout = 500
        limits.answerTimeout = 1000
        limits.answerBytes = 16 << 20
        limits.ringBytes = 16 << 20
        let world = try PoolWorld(limits)
        let event = "\"" + String(repeating: "x", count: 3 << 20) + "\""
        world.source.publish(event, to: "thread:1")
        let quick = try world.connect()
        quick.send("GET /v1/channels/thread:1?offset=-1 HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.runner.run(within: 5, "one that takes it has all") {
            quick.receive()
            return quick.received.utf8.count > event.utf8.count
        }
        // An answer and a piece of a stream, at the same time.
        let targets = ["/v1/channels/thread:1?offset=-1", "/v1/channels/thread:1?offset=-1&live=sse"]
        let start = Clock.monotonicMilliseconds()
        let slow = try targets.enumerated().map { try Self.stall(world, $1, blocked: 2 + $0) }
        var time: Int64 = 0
        var reads: Int64 = 0
        try world.runner.run(within: 10, "they are cut") {
            // Two are cut in one turn of the loop, or in two.
            if world.pool.metrics.answersOverdue == 0 { time = Clock.monotonicMilliseconds() - start }
            // One megabyte per second, of three.
            if reads < (Clock.monotonicMilliseconds() - start) / 20 {
                reads += 1
                for client in slow { _ = client.receive(atMost: 20_000) }
            }
            return world.pool.metrics.answersOverdue == 2
        }
        // Later than the timeout without progress, and soon after the deadline.
        #expect(time >= 900 && time < 4000, "\(time) ms")
        #expect(world.pool.metrics.answersOverdue == 2 && world.pool.metrics.timeouts == 2)
        for client in slow {
            #expect(client.received.utf8.count > 10_000 && client.received.utf8.count < event.utf8.count)
        }
        #expect(world.pool.budget.bytes == 0)
        // Without any progress the shorter timeout applies.
        let stuck = try targets.enumerated().map { try Self.stall(world, $1, blocked: 4 + $0) }
        try world.runner.run(within: 10, "they are cut") { world.pool.metrics.timeouts == 4 }
        #expect(world.pool.metrics.answersOverdue == 2)
        withExtendedLifetime(stuck) {}
    }
}
