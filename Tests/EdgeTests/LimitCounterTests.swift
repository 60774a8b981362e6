import Events
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Edge

@Suite("Every limit takes effect and is counted")
struct LimitCounterTests {
    /// Checks one limit on a thread of its own.
    private final class Check: Sendable {
        private let outcome = Mutex<Result<Void, any Error>?>(nil)

        init(_ limit: EdgeLimit) {
            Thread.detachNewThread { [self] in
                let result = Result { try LimitCounterTests.check(limit) }
                outcome.withLock { $0 = result }
            }
        }

        func wait() throws {
            try eventually(within: 60, "it has ended") { outcome.withLock { $0 != nil } }
            try outcome.withLock { $0 }?.get()
        }
    }

    @Test("a limit that took effect is counted under its name, and not before")
    func counted() {
        // At the same time: most of them only wait for a timeout.
        let checks = EdgeLimit.allCases.map { ($0, Check($0)) }
        for (limit, check) in checks {
            #expect(throws: Never.self, "\(limit.name)") { try check.wait() }
        }
    }

    private static func check(_ limit: EdgeLimit) throws {
        let scene = LimitScene(limit)
        let edge = try EdgeHarness { scene.configure(&$0) }
        defer { try? edge.stop() }
        guard try count(limit, edge) == 0 else { throw TestSupportError("it was counted before") }
        let clients = try scene.play(edge)
        try eventually(within: 10, "\(limit.name) is counted") { try count(limit, edge) > 0 }
        withExtendedLifetime(clients) {}
    }

    /// Not read over HTTP, since the limit may prevent any answer.
    private static func count(_ limit: EdgeLimit, _ edge: EdgeHarness) throws -> Int {
        let words = try edge.on { $0.server.limitsReached }.split(separator: " ").map { $0.split(separator: "=") }
        return words.first { $0[0] == limit.name }.flatMap { Int($0[1]) } ?? 0
    }
}

/// Makes a limit take effect: a small value, and clients that exceed it.
struct LimitScene {
    private let limit: EdgeLimit
    private let mint = TokenMint()

    init(_ limit: EdgeLimit) {
        self.limit = limit
    }

    func configure(_ options: inout EdgeOptions) {
        limit.set(value, in: &options.limits)
        switch limit {
        case .spareConnections: options.limits.maxConnections = 1
        case .connectionsPerAddress, .postsPerMinute, .postBurst, .threadsPerMinute, .postClients:
            if limit == .postsPerMinute { options.limits.postBurst = 1 }
            options.proxies = ProxyTrust(ranges: [AddressRange("127.0.0.0/8")].compactMap { $0 })
        case .tokenBytes, .tokenChannels: options.access.tokenKeys = [try? mint.hmacKey()].compactMap { $0 }
        case .writeTimeout, .answerTimeout:
            options.limits.ringBytes = 64 << 20
            options.limits.answerBytes = 64 << 20
        default: break
        }
    }

    /// Smaller than can be configured, so that it is reached soon. Bytes, milliseconds, or a number.
    private var value: Int {
        switch limit {
        case .spareConnections: 0
        case .maxConnections, .connectionsPerAddress, .commentsPerPost, .tokenChannels, .channelsPerPoll, .maxChannels,
            .loadsAtOnce, .postsPerMinute, .postBurst, .threadsPerMinute, .postClients:
            1
        case .ringEvents, .headerFields: 3
        case .acceptRate, .postedBytes, .ringBytes: 10
        case .answerBytes, .channelNameBytes: 20
        case .headerBytes: 300
        case .urlBytes: 64
        case .bodyBytes, .batchBytes, .ringBytesTotal, .pipelineBytes, .tokenBytes, .bufferBytes: 100
        case .headerTimeout, .bodyTimeout, .idleTimeout, .lingerTimeout, .postTimeout, .loadTimeout, .channelLinger,
            .heartbeat, .streamRetry:
            100
        case .streamTimeout: 300
        case .writeTimeout, .answerTimeout: 200
        }
    }

    /// Exceeds the limit and checks what clients are told.
    ///
    /// - Returns: clients that must stay connected until the limit was counted.
    func play(_ edge: EdgeHarness) throws -> [AnyObject] {
        switch limit {
        case .maxConnections, .spareConnections, .connectionsPerAddress, .acceptRate: return try connections(edge)
        case .headerTimeout, .bodyTimeout, .idleTimeout, .writeTimeout, .answerTimeout, .lingerTimeout:
            return try deadlines(edge)
        case .postedBytes, .postTimeout, .bufferBytes: return try posts(edge)
        case .postsPerMinute, .postBurst, .threadsPerMinute, .postClients: return try addresses(edge)
        case .tokenBytes, .tokenChannels: return try tokens(edge)
        case .maxChannels, .loadsAtOnce, .loadTimeout, .channelLinger, .ringEvents, .ringBytes, .ringBytesTotal,
            .answerBytes:
            return try channels(edge)
        case .streamTimeout, .heartbeat, .streamRetry, .pipelineBytes: return try holds(edge)
        case .headerBytes, .headerFields, .urlBytes, .bodyBytes, .batchBytes, .commentsPerPost, .channelsPerPoll,
            .channelNameBytes:
            let (request, status) = refused
            let client = edge.client()
            try client.send(raw: request)
            try Self.expect(client.readResponse().status == status)
            return []
        }
    }

    /// Throws when a client was told something else. Not `#expect`, which belongs to the thread of the test.
    private static func expect(_ holds: Bool, line: UInt = #line) throws {
        guard holds else { throw TestSupportError("a client was told something else, see line \(line)") }
    }

    private static let long = String(repeating: "x", count: 400)

    /// A request that is too large, and its status.
    private var refused: (request: String, status: Int) {
        let end = " HTTP/1.1\r\nHost: a\r\n\r\n"
        func post(_ body: String, _ type: String) -> String {
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        return switch limit {
        case .headerBytes: ("GET /live HTTP/1.1\r\nHost: a\r\nX-Field: \(Self.long)\r\n\r\n", 431)
        case .headerFields: ("GET /live HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", 431)
        case .urlBytes: ("GET /live?\(Self.long)\(end)", 414)
        case .bodyBytes: (post("{\"text\":\"\(Self.long)\"}", "application/json"), 413)
        case .batchBytes:
            // Its length is not known in advance.
            (
                "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n190\r\n\(Self.long)\r\n0\r\n\r\n", 413
            )
        case .commentsPerPost: (post("{}\n{}\n", "application/x-ndjson"), 413)
        case .channelsPerPoll: ("GET /v1/poll?c=thread:1@-1&c=thread:2@-1\(end)", 400)
        default: ("GET /v1/channels/thread:\(Self.long.prefix(20))\(end)", 400)
        }
    }

    private func connections(_ edge: EdgeHarness) throws -> [AnyObject] {
        let fields = ["X-Forwarded-For": "1.2.3.4"]
        let first = edge.client()
        try Self.expect(first.get("/live", headers: fields).status == 200)
        switch limit {
        case .maxConnections: try Self.expect(edge.client().get("/live").status == 503)
        case .connectionsPerAddress: try Self.expect(edge.client().get("/live", headers: fields).status == 429)
        case .spareConnections:
            let socket = try StreamSocket(port: edge.port)
            let answer = try socket.receive(before: Deadline(in: 5))
            try Self.expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 503 "))
        default: for _ in 0..<3 { try Self.expect(edge.client().get("/live").status == 200) }
        }
        return [first]
    }

    private func deadlines(_ edge: EdgeHarness) throws -> [AnyObject] {
        let client = edge.client()
        switch limit {
        case .headerTimeout:
            try client.send(raw: "GET /live HTTP/1.1\r\nHo")
            try Self.expect(client.readResponse().status == 408)
        case .bodyTimeout:
            try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
            try Self.expect(client.readResponse().status == 408)
        case .idleTimeout:
            try Self.expect(client.get("/live").status == 200)
            try Self.expect(client.readToEnd() == [])
        case .lingerTimeout:
            try client.send(raw: "GET /live\r\n\r\n")
            try Self.expect(client.readHead().status == 400)
        default:
            let event = "\"" + String(repeating: "x", count: 1 << 20) + "\""
            try edge.on { world in for _ in 0..<20 { world.source.publish(event, to: "thread:1") } }
            try client.send(raw: "GET /v1/channels/thread:1 HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        return [client]
    }

    private func posts(_ edge: EdgeHarness) throws -> [AnyObject] {
        try edge.on { $0.sink.verdict = nil }
        if limit == .postTimeout {
            try Self.expect(edge.client().post("/v1/comments", "{}").status == 503)
            return []
        }
        let first = edge.client()
        if limit == .bufferBytes {
            // More than half of the limit is incomplete input: a single one is accepted, a second one is not.
            let head = "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n"
            try first.send(raw: head + Self.long.prefix(90))
            try eventually("it waits") { try edge.metric("buffer_bytes") ?? 0 >= 90 }
            let second = edge.client()
            try second.send(raw: head)
            try Self.expect(second.readResponse().status == 503)
            return [first]
        }
        try first.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{        }")
        try eventually("the sink has it") { try edge.on { $0.sink.bodies.count == 1 } }
        try Self.expect(edge.client().post("/v1/comments", "{}").status == 503)
        return [first]
    }

    /// Posts of addresses that a proxy names.
    private func addresses(_ edge: EdgeHarness) throws -> [AnyObject] {
        func status(_ body: String, from address: String) throws -> Int {
            try edge.client().post("/v1/comments", body, headers: ["X-Forwarded-For": address]).status
        }
        try Self.expect(status(#"{"thread":"1"}"#, from: "1.2.3.4") == 202)
        switch limit {
        case .postBurst: try Self.expect(status("{}\n{}\n", from: "1.2.3.4") == 413)
        case .postClients: try Self.expect(status(#"{"thread":"1"}"#, from: "1.2.3.5") == 202)
        default: try Self.expect(status(#"{"thread":"2"}"#, from: "1.2.3.4") == 429)
        }
        return []
    }

    private func tokens(_ edge: EdgeHarness) throws -> [AnyObject] {
        let claims = TokenMint.claims(["user:1", "user:2"], expires: Clock.unixMilliseconds() / 1000 + 60)
        let answer = try edge.client().get("/v1/channels/user:1?access_token=\(mint.hmac(claims))")
        try Self.expect(answer.status == 401)
        return []
    }

    private func channels(_ edge: EdgeHarness) throws -> [AnyObject] {
        switch limit {
        case .maxChannels: try Self.expect(edge.client().get("/v1/poll?c=thread:1@-1&c=thread:2@-1").status == 503)
        case .channelLinger: try Self.expect(edge.client().get("/v1/channels/thread:1").status == 200)
        case .loadTimeout:
            try edge.on { $0.source.holdsLoads = true }
            try Self.expect(edge.client().get("/v1/channels/thread:1").status == 503)
        case .loadsAtOnce:
            try edge.on { $0.source.holdsLoads = true }
            let clients = [1, 2].map { _ in edge.client() }
            for (number, client) in clients.enumerated() {
                try client.send(raw: "GET /v1/channels/thread:\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            return clients
        default:
            for number in 1...5 { try edge.publish("\"event \(number)\"", to: "thread:1") }
            let answer = try edge.client().get("/v1/channels/thread:1")
            try Self.expect(answer.status == 200)
            if limit == .answerBytes { try Self.expect(answer.json.array?.count == 1) }
            // The channel is subscribed now: these events reach its ring one by one.
            for number in 6...9 { try edge.publish("\"event \(number)\"", to: "thread:1") }
        }
        return []
    }

    private func holds(_ edge: EdgeHarness) throws -> [AnyObject] {
        let client = edge.client()
        if limit == .pipelineBytes {
            try client.send(raw: "GET /v1/poll?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n")
            try edge.waitForHeld(1)
            try client.send(raw: "GET /live HTTP/1.1\r\nX-Field: \(Self.long)")
            return [client]
        }
        try client.send(raw: "GET /v1/events?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try Self.expect(client.readHead().status == 200)
        if limit == .streamTimeout { try Self.expect(!client.readToEnd().isEmpty) }
        return [client]
    }
}
