import Events
import TestSupport
import Testing

@testable import Edge

@Suite("The dashboard")
struct DashboardTests {
    private static func edge(_ audience: DashboardOptions.Audience?) throws -> EdgeHarness {
        try EdgeHarness { options in
            guard let audience else { return }
            let page = EdgePage(
                body: Array("<p>".utf8), parts: ["dashboard.js": EdgePage.script(Array("1;".utf8))])
            options.dashboard = DashboardOptions(page: page, audience: audience)
        }
    }

    @Test("without a dashboard its paths are 404, and no status is read")
    func off() throws {
        let edge = try Self.edge(nil)
        defer { try? edge.stop() }
        for path in ["/dashboard", "/dashboard.json"] { #expect(try edge.client().get(path).status == 404) }
        #expect(try edge.on { $0.status.readings } == 0)
    }

    @Test("page and status have their types; the status is not cacheable, and compressed on request")
    func answers() throws {
        let edge = try Self.edge(.local)
        defer { try? edge.stop() }
        let client = edge.client()
        let page = try client.get("/dashboard")
        #expect(page.text == "<p>" && page[header: "Content-Security-Policy"] == EdgePage.contentSecurityPolicy)
        #expect(
            page[header: "Referrer-Policy"] == "no-referrer" && page[header: "Cache-Control"] == "private, no-cache")
        let script = try client.get("/dashboard.js")
        #expect(script.text == "1;" && script[header: "Content-Type"] == "text/javascript; charset=utf-8")
        #expect(try client.get("/dashboard.css").status == 404)
        #expect(try edge.on { $0.status.readings } == 0)
        let text = "[" + String(repeating: "0,", count: 1000) + "0]"
        try edge.on { $0.status.document = Array(text.utf8) }
        let state = try client.get("/dashboard.json")
        #expect(state.status == 200 && state.text == text)
        #expect(state[header: "Content-Type"] == "application/json")
        #expect(state[header: "Cache-Control"] == "no-store")
        let packed = try client.get("/dashboard.json", headers: ["Accept-Encoding": "gzip"])
        #expect(packed[header: "Content-Encoding"] == "gzip" && packed.body.count < 200)
        #expect(try client.request("HEAD", "/dashboard.json").body.isEmpty)
        #expect(try client.request("POST", "/dashboard.json").status == 405)
    }

    @Test("all viewers share one reading per two seconds; without viewers nothing is read")
    func sharing() throws {
        let edge = try Self.edge(.local)
        defer { try? edge.stop() }
        for _ in 0..<20 { #expect(try edge.client().get("/dashboard.json").status == 200) }
        #expect(try edge.on { $0.status.readings } == 1)
        #expect(try edge.metric("status_reads_total") == 1)
        try eventually(within: 5, "another reading", every: 0.1) {
            _ = try edge.client().get("/dashboard.json")
            return try edge.on { $0.status.readings } == 2
        }
    }

    @Test("requests during a reading wait for the same answer, and one that disconnects does not disturb the others")
    func waiting() throws {
        let edge = try Self.edge(.local)
        defer { try? edge.stop() }
        try edge.on { $0.status.document = nil }
        let request = "GET /dashboard.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let clients = (0..<2).map { _ in edge.client() }
        for client in clients { try client.send(raw: request) }
        var leaver: StreamSocket? = try StreamSocket(port: edge.port)
        try leaver?.send(Array(request.utf8), before: Deadline(in: 5))
        try eventually(within: 5, "they are all there") { try edge.metric("connections") ?? 0 >= 3 }
        // A client that only closes its sending side would still be answered.
        leaver?.resetWhenReleased()
        leaver = nil
        try eventually(within: 5, "one has gone") { try edge.metric("clients_gone_total") == 1 }
        try edge.on { $0.status.answer(#"{"state":"fault"}"#) }
        for client in clients { #expect(try client.readResponse().text == #"{"state":"fault"}"#) }
        #expect(try edge.on { $0.status.readings } == 1)
    }

    @Test(
        "for this machine only: requests for another host, through a proxy or from another page are refused",
        arguments: [
            ("Host: localhost", 200), ("Host: localhost:8080", 200), ("Host: LOCALHOST:1", 200),
            ("Host: 127.0.0.1:8080", 200), ("Host: [::1]:8080", 200), ("Host: [::1]", 200),
            ("Host: comments.example", 404), ("Host: localhost.evil.example", 404),
            ("Host: 127.0.0.1.evil.example", 404), ("Host: ", 404), ("Host: 10.0.0.1", 404),
            ("Host: localhost:8080.evil.example", 400), ("Host: [::1]x", 400),
            ("Host: localhost\r\nX-Forwarded-For: 127.0.0.1", 404),
            ("Host: localhost\r\nX-Forwarded-Proto: https", 404),
            ("Host: localhost\r\nx-forwarded-host: a", 404), ("Host: localhost\r\nX-FORWARDED-FOR: ::1", 404),
            ("Host: localhost\r\nForwarded: for=127.0.0.1", 404), ("Host: localhost\r\nVia: 1.1 proxy", 404),
            ("Host: localhost\r\nX-Real-IP: 127.0.0.1", 404),
            ("Host: localhost\r\nOrigin: http://localhost", 200), ("Host: localhost\r\nOrigin: null", 403),
            ("Host: localhost\r\nOrigin: http://localhost:3000", 403),
            ("Host: localhost\r\nSec-Fetch-Site: none", 200), ("Host: localhost\r\nSec-Fetch-Site: same-origin", 200),
            ("Host: localhost\r\nSec-Fetch-Site: same-site", 403),
            ("Host: localhost\r\nSec-Fetch-Site: cross-site", 403),
        ])
    func gate(fields: String, status: Int) throws {
        let edge = try Self.edge(.local)
        defer { try? edge.stop() }
        for path in ["/dashboard", "/dashboard.json", "/dashboard.js"] {
            let client = edge.client()
            try client.send(raw: "GET \(path) HTTP/1.1\r\n\(fields)\r\n\r\n")
            #expect(try client.readResponse().status == status, "\(path)")
        }
        // Proxies in their default configuration speak HTTP/1.0 and send the edge's own name.
        let client = edge.client()
        try client.send(raw: "GET /dashboard HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n")
        #expect(try client.readResponse().status == 404)
    }

    @Test("no page elsewhere can read the dashboard or the metrics, load them or show them in a frame")
    func concealed() throws {
        let edge = try Self.edge(.everyone)
        defer { try? edge.stop() }
        for path in ["/dashboard", "/dashboard.json", "/dashboard.js", "/metrics"] {
            let own = ["Origin": "http://127.0.0.1:\(edge.port)"]
            for headers in [[:], own, ["Origin": "https://evil.example"]] {
                let answer = try edge.client().get(path, headers: headers)
                #expect(!answer.headers.contains { $0.name.hasPrefix("Access-Control-") }, "\(path) \(headers)")
                #expect(answer[header: "Cross-Origin-Resource-Policy"] == "same-origin", "\(path) \(headers)")
                #expect(answer[header: "X-Content-Type-Options"] == "nosniff")
            }
        }
        let policy = try edge.client().get("/dashboard")[header: "Content-Security-Policy"] ?? ""
        #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
    }

    @Test("for everyone: any host and any proxy, but no pages of other origins")
    func everyone() throws {
        let edge = try Self.edge(.everyone)
        defer { try? edge.stop() }
        for (fields, status) in [
            ("Host: comments.example\r\nX-Forwarded-For: 192.0.2.7", 200),
            ("Host: x\r\nOrigin: https://evil.example", 403),
        ] {
            let client = edge.client()
            try client.send(raw: "GET /dashboard.json HTTP/1.1\r\n\(fields)\r\n\r\n")
            #expect(try client.readResponse().status == status)
        }
    }

    @Test("a reading is valid for two seconds, longer if it was slow, and at most for ten")
    func schedule() {
        var schedule = ReadingSchedule()
        #expect(schedule.wanted(at: 0) == .read)
        #expect(schedule.wanted(at: 1) == .wait)
        schedule.finished(at: 10, hasAnswer: true)
        #expect(schedule.wanted(at: 11) == .useLatest)
        #expect(schedule.wanted(at: 2009) == .useLatest)
        #expect(schedule.wanted(at: 2010) == .read)
        schedule.finished(at: 2110, hasAnswer: true)
        #expect(schedule.lifetime == 5000)
        #expect(schedule.wanted(at: 7109) == .useLatest)
        #expect(schedule.wanted(at: 7110) == .read)
        schedule.finished(at: 9110, hasAnswer: true)
        #expect(schedule.lifetime == 10_000)
        // Waiting for an absent Redis is no load on it.
        #expect(schedule.wanted(at: 20_000) == .read)
        schedule.finished(at: 25_000, hasAnswer: false)
        #expect(schedule.lifetime == 2000)
    }

    @Test(
        "a loopback address is one that only this machine can reach",
        arguments: [
            ("127.0.0.1:8080", true), ("127.1.2.3:1", true), ("localhost:8080", true), ("[::1]:80", true),
            ("0.0.0.0:8080", false), (":8080", false), ("127.evil.example:80", false), ("[::]:80", false),
            ("10.0.0.1:80", false), ("unix:/tmp/edge.sock", false),
        ])
    func loopback(address: String, isLoopback: Bool) throws {
        #expect(try ListenAddress(parsing: address).isLoopback == isLoopback)
    }
}
