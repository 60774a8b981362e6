import TestSupport
import Testing

@testable import Edge

@Suite("Scripts of other origins")
struct AccessOriginTests {
    private static let own = "https://example.org"
    private static let foreign = "https://evil.example"

    private func edge(_ origins: AllowedOrigins = .listed(["https://a.example", Self.own])) throws -> EdgeHarness {
        try EdgeHarness { options in
            options.access.origins = origins
            options.files = ["/tidings.js": EdgeFile(body: Array("x".utf8), contentType: "text/javascript")]
        }
    }

    /// The CORS fields of an answer.
    private static func fields(_ answer: HTTPResponse) -> [String] {
        answer.headers.map { $0.name.lowercased() }.filter { $0.hasPrefix("access-control-") }
    }

    @Test("every answer allows the listed origins, errors and files included, and no others")
    func listed() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let listed = [Self.own, "https://a.example"]
        let origins = listed + [Self.foreign, "null", Self.own + ".evil.example", "http://example.org", nil]
        // One connection per origin, since one of the requests is held. They swap origins after each path, so that an
        // origin kept for the next request would show.
        var clients = origins.map { _ in edge.client() }
        for (path, status) in [
            ("/v1/channels/thread:1", 200), ("/v1/channels/thread:1?offset=nonsense", 400),
            ("/v1/channels/user:1", 403), ("/tidings.js", 200), ("/nothing", 404),
            ("/v1/channels/thread:1?offset=now&live=long-poll&timeout=1", 204), ("/v1/channels/thread:1", 200),
        ] {
            for (client, origin) in zip(clients, origins) {
                let field = origin.map { "Origin: \($0)\r\n" } ?? ""
                try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
            }
            for (client, origin) in zip(clients, origins) {
                let answer = try client.readResponse()
                #expect(answer.status == status, "\(origin ?? "none") \(path)")
                #expect(answer.headers.contains { $0.name == "Vary" && $0.value == "Origin" }, "\(path)")
                if let origin, listed.contains(origin) {
                    #expect(answer[header: "Access-Control-Allow-Origin"] == origin, "\(path)")
                    #expect(answer[header: "Access-Control-Expose-Headers"]?.contains("Stream-Next-Offset") == true)
                } else {
                    #expect(Self.fields(answer).isEmpty, "\(origin ?? "none") \(path)")
                }
            }
            clients.append(clients.removeFirst())
        }
        let client = edge.client()
        try client.send(raw: "GET /v1/events?c=thread:1@now HTTP/1.1\r\nHost: a\r\nOrigin: \(Self.own)\r\n\r\n")
        #expect(try client.readHead()[header: "Access-Control-Allow-Origin"] == Self.own)
        client.close()
        // A malformed request has no origin, even after a request that had one.
        _ = try client.get("/live", headers: ["Origin": Self.own])
        try client.send(raw: "NONSENSE\r\n\r\n")
        let refused = try client.readResponse()
        #expect(refused.status == 400 && Self.fields(refused).isEmpty)
    }

    @Test("a script of a foreign origin cannot post; the edge's own pages and servers can")
    func posting() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let client = edge.client()
        let host = "http://127.0.0.1:\(edge.port)"
        for (headers, status) in [
            (["Origin": Self.own], 202), (["Origin": host], 202), ([:], 202), (["Origin": Self.foreign], 403),
            (["Origin": "null"], 403), (["Origin": "http://127.0.0.1"], 403),
        ] {
            let answer = try edge.client().post("/v1/comments", "{}", headers: headers)
            #expect(answer.status == status, "\(headers)")
        }
        #expect(try edge.on { $0.sink.bodies.count } == 3)
        #expect(try edge.metric(#"requests_refused_total{reason="origin"}"#) == 3)
        try client.send(
            raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: y\r\nContent-Length: 0\r\n\r\n")
        #expect(try client.readResponse().status == 400)
    }

    @Test("a preflight allows the headers with keys to allowed origins only")
    func preflight() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        func ask(_ origin: String) throws -> HTTPResponse {
            try edge.client().request(
                "OPTIONS", "/v1/comments",
                headers: [
                    "Origin": origin, "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type,x-api-key",
                ])
        }
        let answer = try ask(Self.own)
        #expect(answer.status == 204 && answer[header: "Access-Control-Allow-Origin"] == Self.own)
        #expect(answer[header: "Access-Control-Allow-Methods"] == "POST, OPTIONS")
        let fields = answer[header: "Access-Control-Allow-Headers"]?.lowercased() ?? ""
        for field in ["authorization", "content-type", "x-api-key"] { #expect(fields.contains(field), "\(field)") }
        let foreign = try ask(Self.foreign)
        #expect(foreign.status == 204 && Self.fields(foreign).isEmpty && foreign[header: "Allow"] == "POST, OPTIONS")
    }

    @Test("by default every origin may read, and no answer depends on it; only the edge's own may post")
    func any() throws {
        let edge = try edge(.any)
        defer { try? edge.stop() }
        for origin in [Self.foreign, "null"] {
            let answer = try edge.client().get("/v1/channels/thread:1", headers: ["Origin": origin])
            #expect(answer[header: "Access-Control-Allow-Origin"] == "*")
            #expect(!answer.headers.contains { $0.name == "Vary" && $0.value == "Origin" })
            let refused = try edge.client().post("/v1/comments", "{}", headers: ["Origin": origin])
            // The page's author can read why.
            #expect(refused.status == 403 && refused[header: "Access-Control-Allow-Origin"] == "*")
            let preflight = try edge.client().request("OPTIONS", "/v1/comments", headers: ["Origin": origin])
            #expect(preflight.status == 204 && Self.fields(preflight).isEmpty)
            let reading = try edge.client().request("OPTIONS", "/v1/poll", headers: ["Origin": origin])
            #expect(reading[header: "Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS")
        }
        let own = ["Origin": "http://127.0.0.1:\(edge.port)", "Sec-Fetch-Site": "same-origin"]
        #expect(try edge.client().post("/v1/comments", "{}", headers: own).status == 202)
        #expect(try edge.on { $0.sink.bodies.count } == 1)
    }

    @Test("where every origin may read, those that are named may post as well")
    func allAndNamed() throws {
        let edge = try edge(.all(writers: [Self.own]))
        defer { try? edge.stop() }
        for (origin, status) in [(Self.own, 202), (Self.foreign, 403)] {
            let headers = ["Origin": origin, "Sec-Fetch-Site": "cross-site"]
            #expect(try edge.client().post("/v1/comments", "{}", headers: headers).status == status)
            let preflight = try edge.client().request("OPTIONS", "/v1/comments", headers: headers)
            #expect(preflight[header: "Access-Control-Allow-Methods"] == (status == 202 ? "POST, OPTIONS" : nil))
            #expect(preflight[header: "Access-Control-Allow-Origin"] == (status == 202 ? "*" : nil))
        }
    }
}
