import TestSupport
import Testing

@testable import Edge

@Suite("Who may post")
struct AccessPostTests {
    private static let blog = "blog-key-of-forty-eight-characters-or-some-fewer"
    private static let forum = "forum-key-of-forty-eight-characters-or-some-fewer"

    private func edge(_ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }) throws -> EdgeHarness {
        // printf %s KEY | sha256sum
        let hash = try APIKey.hash(of: Self.forum).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16).uppercased()
        }
        let keys = [
            try APIKey(name: "blog", key: Self.blog), try APIKey(name: "forum", sha256: hash.joined()),
        ]
        return try EdgeHarness { options in
            options.access.apiKeys = keys
            configure(&options)
        }
    }

    private func count(_ edge: EdgeHarness, _ key: String, _ outcome: String) throws -> Int? {
        try edge.metric(#"api_comments_total{key="\#(key)",outcome="\#(outcome)"}"#)
    }

    @Test("a comment is posted with one of the keys, and with nothing else")
    func keys() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let client = edge.client()
        for headers in [
            ["Authorization": "Bearer \(Self.blog)"], ["X-Api-Key": Self.blog], ["x-api-key": Self.forum],
            ["X-Api-Key": Self.forum, "Authorization": "Bearer a.b.c"],
        ] {
            #expect(try client.post("/v1/comments", "{}", headers: headers).status == 202, "\(headers)")
        }
        for headers in [
            [:], ["Authorization": "Bearer "], ["Authorization": "Basic \(Self.blog)"], ["X-Api-Key": ""],
            ["X-Api-Key": Self.blog + "x"], ["X-Api-Key": String(Self.blog.dropLast())],
            ["X-Api-Key": Self.blog.uppercased()], ["X-Api-Key": "x", "Authorization": "Bearer \(Self.blog)"],
            ["Authorization": "Bearer \(String(repeating: "k", count: 5000))"], ["Cookie": "key=\(Self.blog)"],
        ] {
            let answer = try edge.client().post("/v1/comments", "{}", headers: headers)
            #expect(answer.status == 401, "\(headers)")
            #expect(answer[header: "WWW-Authenticate"]?.hasPrefix("Bearer realm=\"tidings\"") == true)
        }
        #expect(try edge.client().post("/v1/comments?access_token=\(Self.blog)", "{}").status == 401)
        #expect(try edge.on { $0.sink.bodies.count } == 4)
        #expect(try count(edge, "blog", "accepted") == 2 && count(edge, "forum", "accepted") == 2)
        #expect(try edge.metric(#"requests_refused_total{reason="api_key"}"#) == 6)
        #expect(try edge.metric(#"requests_refused_total{reason="credentials"}"#) == 5)
        let metrics = try edge.client().get("/metrics").text
        #expect(!metrics.contains(Self.blog) && !metrics.contains(Self.forum))
        // Reading needs no key.
        #expect(try edge.client().get("/v1/channels/thread:1").status == 200)
    }

    @Test("a post without a key is refused before its body is sent")
    func early() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let client = edge.client(timeout: 5)
        try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{")
        let answer = try client.readResponse()
        #expect(answer.status == 401 && answer[header: "Connection"] == "close")
    }

    @Test("without keys anyone may post, as fast as Redis takes it")
    func open() throws {
        let edge = try EdgeHarness { $0.access.apiBurst = 1 }
        defer { try? edge.stop() }
        let client = edge.client()
        for _ in 0..<5 { #expect(try client.post("/v1/comments", "{}").status == 202) }
        #expect(try !client.get("/metrics").text.contains("api_comments_total"))
    }

    @Test("a key over its rate gets Retry-After; the other key is not affected")
    func rate() throws {
        let edge = try edge { options in
            options.access.apiRate = AccessOptions.Rate(count: 6, milliseconds: 60_000)
            options.access.apiBurst = 3
        }
        defer { try? edge.stop() }
        let client = edge.client()
        func post(_ body: String, _ key: String) throws -> HTTPResponse {
            try client.post("/v1/comments", body, headers: ["X-Api-Key": key])
        }
        // Comments count, not requests; empty lines do not.
        #expect(try post("{}\n\n{}\r\n \n", Self.blog).status == 202)
        #expect(try post("{}", Self.blog).status == 202)
        let answer = try post("{}", Self.blog)
        let wait = try #require(answer[header: "Retry-After"].flatMap { Int($0) })
        #expect(answer.status == 429 && (8...10).contains(wait), "\(wait)")
        let later = try #require(try post("{}\n{}", Self.blog)[header: "Retry-After"].flatMap { Int($0) })
        #expect((18...20).contains(later), "\(later)")
        #expect(try post("{}\n{}\n{}", Self.forum).status == 202)
        // More than the burst ever allows.
        let large = try post("{}\n{}\n{}\n{}", Self.forum)
        #expect(large.status == 413 && large[header: "Retry-After"] == nil && large.text.contains("more than 3"))
        #expect(try count(edge, "blog", "limited") == 3 && count(edge, "forum", "limited") == 4)
        #expect(try edge.metric(#"requests_refused_total{reason="api_rate"}"#) == 3)
        #expect(try edge.on { $0.sink.bodies.count } == 3)
    }

    @Test("a key has 20 to 256 visible characters, a hash 64 digits, and neither appears in messages")
    func malformed() throws {
        let short = "nineteen-characters"
        for make in [
            { _ = try APIKey(name: "a", key: short) },
            { _ = try APIKey(name: "a", key: short + short + " " + short) },
            { _ = try APIKey(name: "a", key: short + "caf\u{E9}") },
            { _ = try APIKey(name: "a", key: String(repeating: short, count: 14)) },
            { _ = try APIKey(name: "a", sha256: short) },
            { _ = try APIKey(name: "a", sha256: String(repeating: "g", count: 64)) },
            { _ = try APIKey(name: "a", sha256: String(repeating: "a", count: 65)) },
        ] as [() throws -> Void] {
            #expect {
                try make()
            } throws: { error in
                (error as? EdgeError)?.code == .key && !"\(error)".contains(short)
            }
        }
        let key = try APIKey(name: "blog", key: Self.blog)
        #expect("\(key)" == "API key blog" && !String(reflecting: key).contains(Self.blog))
    }
}
