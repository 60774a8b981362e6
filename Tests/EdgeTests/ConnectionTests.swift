import Events
import Foundation
import TestSupport
import Testing

@testable import Edge

@Suite("Connections")
struct ConnectionTests {
    private static let poll =
        "GET /v1/channels/thread:1?offset=now&live=long-poll&timeout=20 HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let live = "GET /live HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("requests sent at once are answered in their order")
    func pipelined() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: Self.live + "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + Self.live)
        #expect(try client.readResponse().status == 200)
        #expect(try client.readResponse().status == 404)
        #expect(try client.readResponse().status == 200)
    }

    @Test("a request behind a poll waits for the poll's answer")
    func pipelinedBehindHold() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: Self.poll + Self.live)
        try edge.waitForHeld(1)
        try edge.publish("1", to: "thread:1")
        #expect(try client.readResponse().text == "[1]")
        #expect(try client.readResponse().text == "live\n")
    }

    @Test("input behind a poll is bounded, and what fits is answered")
    func boundedPipeline() throws {
        let edge = try EdgeHarness { $0.limits.pipelineBytes = 1000 }
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: Self.poll)
        try edge.waitForHeld(1)
        for _ in 0..<200 { try client.send(raw: Self.live) }
        try edge.publish("1", to: "thread:1")
        #expect(try client.readResponse().text == "[1]")
        for _ in 0..<200 { #expect(try client.readResponse().text == "live\n") }
    }

    @Test(
        "a client that disconnects during a hold is noticed, also when it only closes its sending side",
        arguments: [true, false])
    func leaves(_ half: Bool) throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: Self.poll)
        try edge.waitForHeld(1)
        if half { client.finishSending() } else { client.close() }
        try edge.waitForHeld(0)
        #expect(try edge.metric("clients_gone_total") == 1)
    }

    @Test("a client that closes its sending side still gets every answer that is certain to come")
    func halfClosed() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.on { $0.sink.verdict = nil }
        let client = edge.client()
        try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        client.finishSending()
        let pipelined = edge.client()
        try pipelined.send(
            raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + Self.live + Self.live)
        pipelined.finishSending()
        try eventually { try edge.on { $0.sink.bodies.count == 2 } }
        // Once later requests are answered, the edge has seen the end of their input.
        for _ in 0..<3 { #expect(try edge.client().get("/live").status == 200) }
        try edge.on { $0.sink.answer(.accepted(ids: ["id-1"])) }
        let answer = try client.readResponse()
        #expect(answer.status == 202 && answer[header: "Connection"] == "close")
        #expect(try pipelined.readResponse().status == 202)
        for _ in 0..<2 { #expect(try pipelined.readResponse().text == "live\n") }
        #expect(try pipelined.readToEnd() == [])
        // A history that is being loaded.
        try edge.on { $0.source.holdsLoads = true }
        let reader = edge.client()
        try reader.send(raw: "GET /v1/channels/thread:7 HTTP/1.1\r\nHost: a\r\n\r\n")
        reader.finishSending()
        try edge.waitForHeld(1)
        for _ in 0..<3 { #expect(try edge.client().get("/live").status == 200) }
        try edge.on { $0.source.answerLoads() }
        let last = try reader.readResponse()
        #expect(last.text == "[]" && last[header: "Connection"] == "close")
        #expect(try edge.metric("clients_gone_total") == 0)
        try eventually { try edge.metric("connections") == 1 }
    }

    @Test("a connection that is reset is closed at once", arguments: ["held", "streaming", "writing", "posting"])
    func reset(_ state: String) throws {
        let edge = try EdgeHarness { $0.limits.answerBytes = 32 << 20 }
        defer { try? edge.stop() }
        try edge.on { world in
            if state == "writing" {
                world.source.publish("\"" + String(repeating: "x", count: 16 << 20) + "\"", to: "thread:large")
            }
            world.sink.verdict = nil
        }
        let request =
            switch state {
            case "held": Self.poll
            case "streaming": "GET /v1/events?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n"
            case "writing": "GET /v1/channels/thread:large HTTP/1.1\r\nHost: a\r\n\r\n"
            default: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
            }
        var socket: StreamSocket? = try StreamSocket(port: edge.port)
        try socket?.send(Array(request.utf8), before: Deadline(in: 5))
        try eventually("the request is \(state)") {
            switch state {
            case "writing": try edge.metric("writes_delayed_total") == 1
            case "posting": try edge.on { $0.sink.bodies.count == 1 }
            default: try edge.metric("held") == 1
            }
        }
        socket?.resetWhenReleased()
        socket = nil
        try eventually { try edge.metric("connections") == 1 }
        #expect(try edge.metric("held") == 0)
        // The client is gone: answering it must do no harm.
        try edge.on { $0.sink.answer(.accepted(ids: [])) }
        #expect(try edge.client().get("/live").status == 200)
    }

    @Test(
        "a request that two servers could read differently is refused and ends the connection",
        arguments: [
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        ])
    func smuggling(_ text: String) throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(raw: text + Self.live)
        let answer = try client.readHead()
        #expect(answer.status == 400 && answer[header: "Connection"] == "close")
        // Nothing follows.
        #expect(!String(decoding: try client.readToEnd(), as: UTF8.self).contains("HTTP/1.1"))
        #expect(try edge.on { $0.sink.bodies.isEmpty })
    }

    @Test("HTTP/1.0 closes unless it asks to stay; Connection: close closes")
    func closing() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        for (text, connection) in [
            ("GET /live HTTP/1.0\r\n\r\n", "close"),
            ("GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
            ("GET /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"),
        ] {
            let client = edge.client()
            try client.send(raw: text)
            let answer = try client.readHead()
            #expect(answer[header: "Connection"] == connection)
            if connection == "close" { #expect(try client.readToEnd() == Array("live\n".utf8)) }
        }
    }

    @Test("a head that is too late is 408; a silent connection is closed")
    func slow() throws {
        let edge = try EdgeHarness { options in
            options.limits.headerTimeout = 300
            options.limits.bodyTimeout = 300
            options.limits.idleTimeout = 300
        }
        defer { try? edge.stop() }
        let partial = try [
            "GET /live HTTP/1.1\r\nHo", "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
        ].map { text in
            let client = edge.client()
            try client.send(raw: text)
            return client
        }
        let silent = edge.client()
        try silent.send(raw: [])
        let idle = edge.client()
        #expect(try idle.get("/live").status == 200)
        for client in partial { #expect(try client.readResponse().status == 408) }
        for client in [silent, idle] { #expect(try client.readToEnd() == []) }
    }

    @Test("a reader that takes nothing is cut off; one that takes slowly gets all")
    func slowReaders() throws {
        let edge = try EdgeHarness { options in
            options.limits.writeTimeout = 500
            options.limits.ringBytes = 64 << 20
            options.limits.answerBytes = 64 << 20
        }
        defer { try? edge.stop() }
        let event = "\"" + String(repeating: "x", count: 1 << 20) + "\""
        try edge.on { world in for _ in 0..<20 { world.source.publish(event, to: "thread:1") } }
        let stuck = edge.client()
        try stuck.send(raw: "GET /v1/channels/thread:1 HTTP/1.1\r\nHost: a\r\n\r\n")
        let slow = edge.client()
        let answer = try slow.get("/v1/channels/thread:1")
        #expect(answer.body.count == 20 * (event.utf8.count + 1) + 1)
        try eventually { try edge.metric("timeouts_total") == 1 }
        #expect(try edge.metric("writes_delayed_total")! >= 2)
    }

    @Test("a connection beyond the limit gets 503, and the others stay")
    func full() throws {
        let edge = try EdgeHarness { options in
            options.limits.maxConnections = 2
            options.limits.spareConnections = 1
        }
        defer { try? edge.stop() }
        let first = edge.client()
        let second = edge.client()
        #expect(try first.get("/live").status == 200)
        #expect(try second.get("/live").status == 200)
        let third = edge.client()
        try third.send(raw: [])
        try eventually { try first.get("/metrics").text.contains("tidings_edge_connections 3\n") }
        // Without a spare connection the answer does not wait for a request.
        let fourth = edge.client()
        try fourth.send(raw: [])
        #expect(try fourth.readResponse().status == 503)
        let answer = try third.get("/live")
        #expect(answer.status == 503 && answer[header: "Retry-After"] == "5" && answer[header: "Connection"] == "close")
        #expect(try first.get("/live").status == 200)
        second.close()
        try eventually { (try? edge.client().get("/live").status) == 200 }
    }

    @Test("a shutdown answers held polls as the last of their connections, and then ends")
    func drain() throws {
        let edge = try EdgeHarness { $0.holdSeconds = 1 }
        defer { try? edge.stop() }
        let idle = edge.client()
        #expect(try idle.get("/live").status == 200)
        let client = edge.client()
        try client.send(raw: Self.poll)
        let multi = edge.client()
        try multi.send(raw: "GET /v1/poll?c=thread:1@now HTTP/1.1\r\nHost: a\r\n\r\n")
        try edge.waitForHeld(2)
        try edge.on { world in
            let loop = world.loop
            world.server.drain { loop.stop() }
        }
        let answer = try client.readResponse()
        #expect(answer.status == 204 && answer[header: "Connection"] == "close")
        let second = try multi.readResponse()
        #expect(second.status == 200 && second[header: "Connection"] == "close")
        #expect(try idle.readToEnd() == [])
        try eventually(within: 5, "the loop has ended") { edge.hasEnded }
        #expect(throws: (any Error).self) { try edge.client().get("/live") }
    }

    @Test("a unix socket is served, and its file is removed at the end")
    func unix() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("edge.sock")
        let edge = try EdgeHarness(address: .unix(path: path))
        let socket = try StreamSocket(unix: path)
        try socket.send(Array(Self.live.utf8), before: Deadline(in: 5))
        let answer = try socket.receive(before: Deadline(in: 5))
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200 OK\r\n"))
        try edge.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("the page, the preflights and the metrics are served")
    func pages() throws {
        let edge = try EdgeHarness { options in
            options.page = EdgePage(body: Array("<p>".utf8))
        }
        defer { try? edge.stop() }
        let client = edge.client()
        let page = try client.get("/")
        #expect(page.text == "<p>" && page[header: "Content-Security-Policy"] == EdgePage.contentSecurityPolicy)
        for (path, allow) in [
            ("/v1/comments", "POST, OPTIONS"), ("/v1/channels/thread:1", "GET, HEAD, OPTIONS"),
            ("/v1/poll", "GET, HEAD, OPTIONS"), ("/v1/events", "GET, HEAD, OPTIONS"), ("/", "GET, HEAD, OPTIONS"),
            ("/ready", "GET, HEAD, OPTIONS"), ("*", "GET, HEAD, POST, OPTIONS"),
        ] {
            let preflight = try client.request("OPTIONS", path)
            #expect(preflight.status == 204 && preflight[header: "Allow"] == allow)
            #expect(preflight[header: "Access-Control-Allow-Methods"] == allow)
            #expect(preflight[header: "Access-Control-Max-Age"] == "86400")
            let fields = preflight[header: "Access-Control-Allow-Headers"] ?? ""
            for field in ["Authorization", "Content-Type", "Last-Event-ID"] { #expect(fields.contains(field)) }
        }
        #expect(try client.get("/metrics").text.contains("tidings_edge_connections 1\n"))
        #expect(try client.get("/ready").status == 200)
    }

    @Test("thousands of readers of one channel all get every event, in order")
    func fanOut() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let clients = (0..<600).map { _ in edge.client() }
        for client in clients { try client.send(raw: Self.poll) }
        try edge.waitForHeld(clients.count)
        try edge.on { world in for number in 1...3 { world.source.publish("\(number)", to: "thread:1") } }
        for client in clients { #expect(try client.readResponse().text == "[1,2,3]") }
        #expect(try edge.metric("held") == 0)
    }
}
