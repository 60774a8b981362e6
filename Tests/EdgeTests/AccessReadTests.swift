import Events
import Foundation
import TestSupport
import Testing

@testable import Edge

@Suite("Who may read")
struct AccessReadTests {
    private let mint = TokenMint()

    private static func now() -> Int64 { Clock.unixMilliseconds() / 1000 }

    /// A token that is valid for an hour.
    private func token(_ channels: String..., life: Int64 = 3600) -> String {
        mint.hmac(TokenMint.claims(channels, expires: Self.now() + life))
    }

    /// A token for `user:7` that expires after some milliseconds: an edge accepts it half a minute longer than it says.
    private func shortToken(milliseconds: Int64) -> String {
        let expires = Double(Clock.unixMilliseconds() + milliseconds - TokenVerifier.leeway) / 1000
        return mint.hmac(#"{"exp":\#(expires),"channels":["user:7"]}"#)
    }

    private func edge(_ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }) throws -> EdgeHarness {
        let key = try mint.hmacKey()
        return try EdgeHarness { options in
            options.access.tokenKeys = [key]
            configure(&options)
        }
    }

    @Test("without a token key, private channels are refused with a hint for the operator")
    func withoutKeys() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        for path in ["/v1/channels/user:7", "/v1/poll?c=thread:1@-1&c=user:7@-1", "/v1/events?c=user:7@-1"] {
            let answer = try edge.client().get(path, headers: ["Authorization": "Bearer \(token("user:7"))"])
            #expect(answer.status == 403 && answer.text.contains("edge.tokens.keys"), "\(path)")
            #expect(answer[header: "WWW-Authenticate"] == nil)
        }
        #expect(try edge.metric(#"requests_refused_total{reason="private"}"#) == 3)
    }

    @Test("a private channel is read with a token that names it, whether in a header or in the query")
    func accepted() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        try edge.publish("{\"n\":1}", to: "user:7")
        let client = edge.client()
        let token = token("user:7", "room:*")
        for (path, headers) in [
            ("/v1/channels/user:7", ["Authorization": "Bearer \(token)"]),
            ("/v1/channels/user:7", ["Authorization": "bearer   \(token)"]),
            ("/v1/channels/user:7?access_token=\(token)", [:]), ("/v1/channels/user:7?offset=-1&token=\(token)", [:]),
            ("/v1/channels/user:7?access_token=\(token)", ["Authorization": "Basic YTpi"]),
            ("/v1/poll?c=user:7@-1&c=thread:1@-1&c=room:a@-1&access_token=\(token)", [:]),
        ] {
            let answer = try client.get(path, headers: headers)
            #expect(answer.status == 200 && answer.text.contains("{\"n\":1}"), "\(path): \(answer.text)")
        }
        #expect(try client.request("HEAD", "/v1/channels/user:7?token=\(token)").status == 200)
        try client.send(raw: "GET /v1/events?c=user:7@-1&access_token=\(token) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.readHead().status == 200)
        client.close()
    }

    @Test("a missing, invalid or insufficient token is 401 or 403 with a challenge")
    func refused() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let client = edge.client()
        let invalid = "Bearer realm=\"tidings\", error=\"invalid_token\", error_description=\""
        let other = TokenMint(secret: "another secret of thirty-two byte")
        let strange = other.hmac(TokenMint.claims(["user:7"], expires: Self.now() + 60))
        for (token, status, reason, challenge) in [
            (nil, 401, "token_missing", "Bearer realm=\"tidings\""), ("", 401, "token_malformed", invalid),
            ("x.y.z", 401, "token_malformed", invalid), (strange, 401, "token_signature", invalid),
            (token("user:7", life: -31), 401, "token_expired", invalid),
            (
                token("user:70", "user:", "users:*"), 401, "token_claims", invalid
            ),
            (
                token("user:70", "users:*"), 403, "channel",
                "Bearer realm=\"tidings\", error=\"insufficient_scope\", error_description=\""
            ),
        ] as [(String?, Int, String, String)] {
            for path in [
                "/v1/channels/user:7", "/v1/channels/user:7?offset=now&live=long-poll",
                "/v1/channels/user:7?offset=now&live=sse", "/v1/poll?c=thread:1@-1&c=user:7@-1",
                "/v1/events?c=user:7@-1",
            ] {
                let name = #"requests_refused_total{reason="\#(reason)"}"#
                let before = try edge.metric(name) ?? 0
                let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
                let answer = try client.get(path, headers: headers)
                #expect(answer.status == status, "\(reason) \(path): \(answer.text)")
                #expect(answer[header: "WWW-Authenticate"]?.hasPrefix(challenge) == true, "\(reason) \(path)")
                // A script of another origin must be able to read the error.
                #expect(answer[header: "Access-Control-Allow-Origin"] == "*")
                #expect(try edge.metric(name) == before + 1, "\(reason)")
                if let token, !token.isEmpty { #expect(!answer.text.contains(token)) }
            }
        }
    }

    @Test("two tokens in one request are 400, since they are ambiguous")
    func ambiguous() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let token = token("user:7")
        for (target, fields) in [
            ("/v1/channels/user:7?access_token=\(token)", "Authorization: Bearer \(token)\r\n"),
            ("/v1/channels/user:7?access_token=\(token)&token=\(token)", ""),
            ("/v1/channels/user:7", "Authorization: Bearer \(token)\r\nAuthorization: Bearer \(token)\r\n"),
            ("/v1/channels/user:7?access_token=%zz", ""),
        ] {
            let client = edge.client()
            try client.send(raw: "GET \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
            #expect(try client.readResponse().status == 400, "\(target.prefix(40)) \(fields.prefix(20))")
        }
    }

    @Test("a token is not checked where none is needed")
    func publicChannels() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        for headers in [["Authorization": "Bearer rotten"], ["Authorization": "Bearer \(token("user:7", life: -99))"]] {
            #expect(try edge.client().get("/v1/channels/thread:1", headers: headers).status == 200)
        }
        // A kind that looks like a public one is not public.
        for path in ["/v1/channels/Thread:1", "/v1/channels/thread%00:1", "/v1/channels/%E2%80%8Bthread:1"] {
            #expect(try edge.client().get(path).status != 200, "\(path)")
        }
    }

    @Test("a hold or a stream ends when its token expires, and the next request is refused")
    func expiry() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let token = shortToken(milliseconds: 900)
        let begin = Clock.monotonicMilliseconds()
        // At the same time, since each of them waits for the same token to expire.
        let requests = try [
            "/v1/channels/user:7?offset=now&live=long-poll", "/v1/channels/user:7?offset=now&live=sse",
            "/v1/poll?c=user:7@now", "/v1/poll?c=user:7@now&timeout=55", "/v1/events?c=user:7@now&c=thread:1@now",
        ].map { path in
            let target = path + "&access_token=\(token)"
            let client = edge.client()
            try client.send(raw: "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            return (path: path, target: target, client: client)
        }
        for (path, target, client) in requests {
            let isStream = path.contains("sse") || path.contains("events")
            let answer = try isStream ? client.readHead() : client.readResponse()
            if isStream { _ = try client.readToEnd() }
            let lasted = Clock.monotonicMilliseconds() - begin
            // Not before the token expires, and soon after.
            #expect((800...3000).contains(lasted), "\(path): \(lasted) ms")
            #expect(answer.status == (path.contains("long-poll") ? 204 : 200), "\(path)")
            try eventually(within: 3, "the token has expired") { try edge.client().get(target).status == 401 }
        }
        #expect(try edge.metric("held") == 0)
    }

    @Test("a reader that is always behind gets nothing that is published after its token has expired")
    func slowReader() throws {
        let edge = try edge()
        defer { try? edge.stop() }
        let token = shortToken(milliseconds: 4000)
        let targets = ["/v1/events?c=user:7@-1", "/v1/channels/user:7?offset=-1&live=sse"].map {
            "\($0)&access_token=\(token)"
        }
        let clients = try targets.map { target in
            let client = edge.client()
            try client.send(raw: "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.readHead().status == 200)
            return client
        }
        // More than the socket's buffers hold, so that something always waits to be sent.
        let large = String(repeating: "a", count: 900_000)
        for number in 1...12 { try edge.publish("{\"n\":\(number),\"x\":\"\(large)\"}", to: "user:7") }
        try eventually("both readers are behind") { (try edge.metric("writes_delayed_total") ?? 0) >= 2 }
        for target in targets {
            try eventually("the token has expired") { try edge.client().get(target).status == 401 }
        }
        try edge.publish("{\"late\":true}", to: "user:7")
        for (target, client) in zip(targets, clients) {
            let text = String(decoding: try client.readToEnd(), as: UTF8.self)
            let isCut = text.contains("\"n\":1,") && !text.contains("late") && !text.contains("\"n\":12,")
            #expect(isCut, "\(target)")
        }
    }
}
