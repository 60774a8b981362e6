import Events
import TestSupport
import Testing

@testable import Edge

/// What the hosts and origins of requests mean to a whole edge.
@Suite("Hosts of requests")
struct HostTests {
    private static func edge(_ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }) throws
        -> EdgeHarness
    {
        try EdgeHarness { options in
            options.hosts = .named([])
            options.page = EdgePage(body: Array("<p>".utf8), parts: ["demo.js": EdgePage.script(Array("1;".utf8))])
            options.dashboard = DashboardOptions(page: EdgePage(body: Array("<p>".utf8)), audience: .local)
            configure(&options)
        }
    }

    private static func ask(_ edge: EdgeHarness, _ request: String) throws -> HTTPResponse {
        let client = edge.client()
        try client.send(raw: Array((request + "\r\n\r\n").unicodeScalars.map { UInt8($0.value) }))
        return try client.readResponse()
    }

    @Test("on the loopback a page whose name was rebound gets 421 whatever it asks, but for the load balancers' paths")
    func rebound() throws {
        let edge = try Self.edge()
        defer { try? edge.stop() }
        let fields = "HTTP/1.1\r\nHost: evil.example:\(edge.port)\r\nOrigin: http://evil.example:\(edge.port)"
        for path in [
            "/", "/demo.js", "/v1/channels/thread:1", "/v1/poll?c=thread:1@-1", "/v1/events?c=thread:1@-1", "/metrics",
            "/dashboard", "/dashboard.json", "/none",
        ] {
            let answer = try Self.ask(edge, "GET \(path) \(fields)")
            #expect(answer.status == 421 && answer.text.contains("edge.hosts"), "\(path)")
        }
        let post = try Self.ask(edge, "POST /v1/comments \(fields)\r\nContent-Length: 2\r\n\r\n{}")
        #expect(post.status == 421)
        #expect(try Self.ask(edge, "OPTIONS /v1/comments \(fields)").status == 421)
        for path in ["/live", "/ready"] { #expect(try Self.ask(edge, "GET \(path) \(fields)").status == 200) }
        #expect(try edge.on { $0.sink.bodies.count } == 0)
        #expect(try edge.metric(#"requests_refused_total{reason="host"}"#) == 11)
        #expect(try edge.metric(#"requests_refused_total{reason="origin"}"#) == 0)
    }

    @Test("a target in absolute-form is judged by its own host (RFC 9112, 3.2.2)")
    func absoluteForm() throws {
        let edge = try Self.edge()
        defer { try? edge.stop() }
        for (target, host, status) in [
            ("http://localhost/v1/channels/thread:1", "evil.example", 200),
            ("http://evil.example/v1/channels/thread:1", "localhost", 421),
            ("HTTP://127.0.0.1:\(edge.port)", "localhost", 200), ("http://localhost?x", "localhost", 200),
            ("http://localhost@evil.example/", "localhost", 400), ("http://evil.example#@localhost/", "localhost", 421),
        ] {
            let answer = try Self.ask(edge, "GET \(target) HTTP/1.1\r\nHost: \(host)")
            #expect(answer.status == (target.contains("#") ? 400 : status), "\(target)")
        }
        let server = try Self.ask(edge, "OPTIONS http://localhost HTTP/1.1\r\nHost: localhost")
        #expect(server.status == 204 && server[header: "Allow"] == "GET, HEAD, POST, OPTIONS")
        #expect(try Self.ask(edge, "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost").status == 405)
    }

    @Test("hostile bytes in Host, Origin and Sec-Fetch-Site are refused or mean another site")
    func hostileBytes() throws {
        let edge = try Self.edge()
        defer { try? edge.stop() }
        let post = "POST /v1/comments HTTP/1.1\r\n"
        for (fields, status) in [
            ("", 400), ("Host: localhost\r\nHost: localhost", 400), ("Host: localhost\0", 400),
            ("Host: localhost evil.example", 400), ("Host: localhost,evil.example", 421),
            ("Host: localhost\u{E9}", 400),
            ("Host: \"localhost\"", 400), ("Host: localhost\\", 400), ("Host: <script>", 400),
            ("Host: localhost%2e", 421), ("Host: l\u{F6}calhost", 400), ("Host: localhost:8080:8080", 400),
            ("Host: \(String(repeating: "a.", count: 2000))", 421),
            ("Host: localhost\r\nOrigin: http://localhost\u{FF}", 403),
            ("Host: localhost\r\nOrigin: http://localhost, http://localhost", 403),
            ("Host: localhost\r\nOrigin: http://\(String(repeating: "a", count: 5000))", 403),
            ("Host: localhost\r\nOrigin: http://", 403), ("Host: localhost\r\nOrigin: http://LOCALHOST", 202),
            ("Host: localhost\r\nSec-Fetch-Site: \u{FF}", 403), ("Host: localhost\r\nSec-Fetch-Site: SAME-ORIGIN", 403),
            ("Host: localhost\r\nSec-Fetch-Site: none", 202),
        ] {
            let answer = try Self.ask(edge, "\(post)\(fields)\r\nContent-Length: 2\r\n\r\n{}")
            #expect(answer.status == status, "\(fields.prefix(80).debugDescription)")
        }
        #expect(try edge.on { $0.sink.bodies.count } == 2)
    }

    @Test("behind a proxy, an edge on the loopback answers for the hosts that are listed")
    func behindProxy() throws {
        let edge = try Self.edge { $0.hosts = .named(["comments.example"]) }
        defer { try? edge.stop() }
        let forwarded = "HTTP/1.1\r\nHost: comments.example\r\nX-Forwarded-For: 192.0.2.7"
        #expect(try Self.ask(edge, "GET /v1/channels/thread:1 \(forwarded)").status == 200)
        #expect(try Self.ask(edge, "GET /dashboard \(forwarded)").status == 404)
        let own = "\(forwarded)\r\nOrigin: https://comments.example\r\nSec-Fetch-Site: same-origin"
        #expect(try Self.ask(edge, "POST /v1/comments \(own)\r\nContent-Length: 2\r\n\r\n{}").status == 202)
        #expect(try edge.client().get("/v1/channels/thread:1").status == 200)
    }

    @Test("an address for administration has the dashboard and the metrics, and the other one has neither")
    func administration() throws {
        let edge = try Self.edge { $0.admin = .tcp(host: "127.0.0.1", port: 0) }
        defer { try? edge.stop() }
        let admin = HTTPClient(port: edge.adminPort)
        #expect(edge.adminPort != edge.port && edge.adminPort != 0)
        for path in ["/dashboard", "/dashboard.json", "/metrics", "/live", "/ready"] {
            #expect(try admin.get(path).status == 200, "\(path)")
        }
        for path in ["/", "/demo.js", "/v1/channels/thread:1", "/v1/poll?c=thread:1@-1", "/none"] {
            #expect(try admin.get(path).status == 404, "\(path)")
        }
        #expect(try admin.post("/v1/comments", "{}").status == 404)
        for path in ["/dashboard", "/dashboard.json", "/metrics"] {
            #expect(try edge.client().get(path).status == 404, "\(path)")
        }
        for path in ["/", "/demo.js", "/live", "/ready", "/v1/channels/thread:1"] {
            #expect(try edge.client().get(path).status == 200, "\(path)")
        }
        // It asks no less than the other: a rebound name, a page of another site.
        for (fields, status) in [
            ("Host: evil.example", 421), ("Host: localhost\r\nOrigin: http://evil.example", 403),
            ("Host: localhost\r\nSec-Fetch-Site: cross-site", 403), ("Host: localhost", 200),
        ] {
            for path in ["/dashboard.json", "/metrics"] {
                try admin.send(raw: "GET \(path) HTTP/1.1\r\n\(fields)\r\n\r\n")
                #expect(try admin.readResponse().status == status, "\(path) \(fields)")
            }
        }
    }

    @Test("the address for administration answers when no reader gets a place any more")
    func full() throws {
        let edge = try Self.edge { options in
            options.admin = .tcp(host: "127.0.0.1", port: 0)
            options.limits.maxConnections = 1
        }
        defer { try? edge.stop() }
        let reader = edge.client()
        #expect(try reader.get("/live").status == 200)
        let second = edge.client()
        #expect(try second.get("/live").status == 503)
        #expect(try HTTPClient(port: edge.adminPort).get("/metrics").status == 200)
    }
}
