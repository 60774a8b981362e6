import Foundation
import Glibc
import TestSupport
import Testing

@testable import Edge

/// Limits per client, over real sockets. This machine is not counted, so the clients come through a "proxy".
@Suite("limits of clients")
struct ClientLimitTests {
    private static let local = AddressRange("127.0.0.0/8")!

    private func metric(_ name: String, _ edge: EdgeHarness) throws -> Int {
        let text = try edge.client().get("/metrics", headers: ["X-Forwarded-For": "9.9.9.9"]).text
        let line = text.split(separator: "\n").first { $0.hasPrefix("tidings_edge_\(name) ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
    }

    @Test("X-Forwarded-For of a trusted proxy: a client beyond its limit gets 429, another one is served")
    func forwarded() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [Self.local])
            options.limits.connectionsPerAddress = 3
        }
        defer { try? edge.stop() }
        let held = try (0..<3).map { _ in
            let socket = try StreamSocket(port: edge.port)
            let request =
                "GET /v1/channels/thread:1?live=long-poll&offset=now HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n\r\n"
            try socket.send(request.utf8, before: Deadline(in: 5))
            return socket
        }
        try edge.waitForHeld(3)
        let more = try edge.client().get("/live", headers: ["X-Forwarded-For": "1.2.3.4"])
        #expect(more.status == 429 && more[header: "retry-after"] == "5" && more[header: "connection"] == "close")
        #expect(try edge.client().get("/live", headers: ["X-Forwarded-For": "1.2.3.5"]).status == 200)
        // A client's own statement does not make it another client.
        #expect(try edge.client().get("/live", headers: ["X-Forwarded-For": "8.8.8.8, 1.2.3.4"]).status == 429)
        #expect(try metric("connections_refused_by_address_total", edge) == 2)
        withExtendedLifetime(held) {}
    }

    @Test("a client that has disconnected is no longer counted")
    func left() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [Self.local])
            options.limits.connectionsPerAddress = 1
        }
        defer { try? edge.stop() }
        for _ in 0..<20 {
            let client = edge.client()
            #expect(try client.get("/live", headers: ["X-Forwarded-For": "1.2.3.4"]).status == 200)
            // The same connection may send more requests, for another client as well.
            #expect(try client.get("/live", headers: ["X-Forwarded-For": "1.2.3.4"]).status == 200)
            #expect(try client.get("/live", headers: ["X-Forwarded-For": "1.2.3.5"]).status == 200)
            client.close()
            try eventually("it has left") { try edge.on { $0.server.connections } == 0 }
        }
    }

    @Test("without a trusted proxy X-Forwarded-For is ignored, and this machine is not counted")
    func notNamed() throws {
        let edge = try EdgeHarness { $0.limits.connectionsPerAddress = 1 }
        defer { try? edge.stop() }
        let clients = (0..<5).map { _ in edge.client() }
        for client in clients {
            #expect(try client.get("/live", headers: ["X-Forwarded-For": "1.2.3.4"]).status == 200)
        }
    }

    @Test("with the PROXY protocol each connection counts for the client in its header")
    func proxyProtocol() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [Self.local], speaksProxyProtocol: true)
            options.limits.connectionsPerAddress = 2
        }
        defer { try? edge.stop() }
        func answer(_ header: String, in pieces: Int = 1) throws -> (socket: StreamSocket, status: String) {
            let socket = try StreamSocket(port: edge.port)
            let bytes = Array((header + "GET /live HTTP/1.1\r\nHost: a\r\n\r\n").utf8)
            let size = (bytes.count + pieces - 1) / pieces
            for start in stride(from: 0, to: bytes.count, by: size) {
                try socket.send(bytes[start..<min(start + size, bytes.count)], before: Deadline(in: 5))
                // Not a wait: gives the edge the time to read the pieces one by one.
                if pieces > 1 { usleep(2000) }
            }
            let text = String(decoding: try socket.receive(before: Deadline(in: 5)), as: UTF8.self)
            return (socket, String(text.prefix(12)))
        }
        let header = "PROXY TCP4 1.2.3.4 127.0.0.1 12345 8080\r\n"
        let open = try [answer(header), answer(header, in: 20)]
        #expect(open.map(\.status) == ["HTTP/1.1 200", "HTTP/1.1 200"])
        #expect(try answer(header).status == "HTTP/1.1 429")
        #expect(try answer("PROXY TCP4 1.2.3.5 127.0.0.1 12345 8080\r\n").status == "HTTP/1.1 200")
        #expect(try answer("PROXY UNKNOWN\r\n").status == "HTTP/1.1 200")
        // Without the header the connection is closed without an answer.
        #expect(try answer("").status == "")
        let client = try StreamSocket(port: edge.port)
        try client.send("PROXY UNKNOWN\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".utf8, before: Deadline(in: 5))
        var text = ""
        while !text.contains("answers_total") {
            let bytes = try client.receive(before: Deadline(in: 5))
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        #expect(text.contains("tidings_edge_proxy_headers_malformed_total 1\n"))
        withExtendedLifetime(open) {}
    }

    @Test("a PROXY header from an untrusted peer is a bad request")
    func stranger() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [AddressRange("10.0.0.0/8")!], speaksProxyProtocol: true)
        }
        defer { try? edge.stop() }
        #expect(try edge.client().get("/live").status == 200)
        let socket = try StreamSocket(port: edge.port)
        try socket.send("PROXY UNKNOWN\r\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n".utf8, before: Deadline(in: 5))
        let text = String(decoding: try socket.receive(before: Deadline(in: 5)), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 400"))
    }

    @Test("beyond the rate of new connections clients wait, and are all served")
    func acceptRate() throws {
        let edge = try EdgeHarness { $0.limits.acceptRate = 50 }
        defer { try? edge.stop() }
        let start = ContinuousClock().now
        for _ in 0..<40 {
            let client = edge.client()
            #expect(try client.get("/live").status == 200)
            client.close()
        }
        // 5 at once, then 50 per second.
        #expect(ContinuousClock().now - start >= .milliseconds(650))
        #expect(try metric("accept_delays_total", edge) > 0)
    }

    @Test("below the rate no connection waits, however often the listener accepts")
    func belowAcceptRate() throws {
        let edge = try EdgeHarness { $0.limits.acceptRate = 200 }
        defer { try? edge.stop() }
        // More than the bucket holds, at no more than 160 per second.
        var next = ContinuousClock().now
        for _ in 0..<40 {
            try eventually("it is time for the next one", every: 0.001) { ContinuousClock().now >= next }
            next = ContinuousClock().now + .microseconds(6250)
            let client = edge.client()
            #expect(try client.get("/live").status == 200)
            client.close()
        }
        #expect(try metric("accept_delays_total", edge) == 0)
    }

    @Test("several X-Forwarded-For fields are one list")
    func severalFields() throws {
        let edge = try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [Self.local])
            options.limits.connectionsPerAddress = 1
        }
        defer { try? edge.stop() }
        let open = edge.client()
        #expect(try open.get("/live", headers: ["X-Forwarded-For": "1.2.3.4"]).status == 200)
        func status(_ fields: [String]) throws -> Int {
            let client = edge.client()
            let lines = fields.map { "X-Forwarded-For: \($0)\r\n" }.joined()
            try client.send(raw: "GET /live HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
            return try client.readResponse().status
        }
        // The last trusted proxy has added a field of its own.
        #expect(try status(["1.2.3.4", "127.0.0.2"]) == 429)
        #expect(try status(["9.9.9.9, 1.2.3.4", "127.0.0.3", "127.0.0.2"]) == 429)
        #expect(try status(["1.2.3.4", "5.6.7.8, 127.0.0.2"]) == 200)
        #expect(try status(["1.2.3.4", "5.6.7.8"]) == 200)
    }
}
