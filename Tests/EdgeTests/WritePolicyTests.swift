import Events
import JSON
import Signing
import Synchronization
import TestSupport
import Testing

@testable import Edge

/// Who may post at an edge, over HTTP, and as whom.
@Suite("Writing over HTTP")
struct WritePolicyTests {
    private static let key = "blog-key-of-more-than-twenty"
    private let mint = TokenMint()

    private func edge(
        _ policy: WritePolicy?, tokens: Bool = false, keys: Bool = false,
        _ configure: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }
    ) throws -> EdgeHarness {
        let tokenKeys = tokens ? [try mint.hmacKey()] : []
        let apiKeys = keys ? [try APIKey(name: "blog", key: Self.key)] : []
        return try EdgeHarness { options in
            options.access.write = policy
            options.access.tokenKeys = tokenKeys
            options.access.apiKeys = apiKeys
            configure(&options)
        }
    }

    private func token(_ members: String, life: Int64 = 600) -> String {
        mint.hmac(#"{"exp":\#(Clock.unixMilliseconds() / 1000 + life),\#(members)}"#)
    }

    private func post(_ edge: EdgeHarness, _ headers: [String: String]) throws -> HTTPResponse {
        try edge.client().post("/v1/comments", #"{"thread":"1"}"#, headers: headers)
    }

    private static func bearer(_ text: String) -> [String: String] { ["Authorization": "Bearer \(text)"] }

    @Test("what each policy makes of nothing, a token and an API key")
    func policies() throws {
        let good = token(#""sub":"42""#)
        for (policy, tokens, keys, nothing, withToken, withKey) in [
            (.open, false, false, 202, 401, 401), (.open, true, true, 202, 202, 202),
            (.token, true, false, 401, 202, 401),
            (.token, true, true, 401, 202, 202), (.key, true, true, 401, 401, 202), (nil, true, true, 401, 202, 202),
            (nil, false, true, 401, 401, 202), (nil, false, false, 202, 401, 401),
        ] as [(WritePolicy?, Bool, Bool, Int, Int, Int)] {
            let edge = try edge(policy, tokens: tokens, keys: keys)
            defer { try? edge.stop() }
            let place = "\(String(describing: policy)) \(tokens) \(keys)"
            #expect(try post(edge, [:]).status == nothing, "nothing: \(place)")
            #expect(try post(edge, Self.bearer(good)).status == withToken, "token: \(place)")
            #expect(try post(edge, Self.bearer(Self.key)).status == withKey, "key: \(place)")
            #expect(try post(edge, ["X-Api-Key": Self.key]).status == withKey, "X-Api-Key: \(place)")
            // An edit key alone is no right to post where strangers have none.
            #expect(try post(edge, ["Edit-Key": String(repeating: "a", count: 22)]).status == nothing)
        }
    }

    @Test("a refused post says what to do, and is counted")
    func refusals() throws {
        let edge = try edge(.token, tokens: true)
        defer { try? edge.stop() }
        let nothing = try post(edge, [:])
        #expect(nothing.text.contains("posting needs a token") && nothing[header: "WWW-Authenticate"] != nil)
        for (members, life, status, word) in [
            (#""channels":["user:7"]"#, 600, 403, "claim sub"), (#""sub":" x""#, 600, 403, "claim sub"),
            (#""sub":"42","write":"thread:1""#, 600, 403, "lists such as"), (#""sub":"42""#, -60, 401, "expired"),
            (#""sub":"42","aud":"other""#, 600, 401, "audience"),
        ] as [(String, Int64, Int, String)] {
            let answer = try post(edge, Self.bearer(token(members, life: life)))
            #expect(answer.status == status && answer.text.contains(word), "\(members): \(answer.text)")
            #expect(answer[header: "WWW-Authenticate"]?.contains("error=") == true)
        }
        let other = TokenMint(secret: "another secret of 32 bytes or so")
        let forged = other.hmac(#"{"exp":\#(Clock.unixMilliseconds() / 1000 + 60),"sub":"42"}"#)
        #expect(try post(edge, Self.bearer(forged)).status == 401)
        #expect(try edge.metric(#"requests_refused_total{reason="credentials"}"#) == 1)
        #expect(try edge.metric(#"requests_refused_total{reason="writer"}"#) == 3)
        #expect(try edge.metric(#"requests_refused_total{reason="token_signature"}"#) == 1)
        #expect(try edge.on { $0.sink.bodies.isEmpty })
        // A token that only writes does not read.
        let reading = try edge.client().get("/v1/channels/user:42", headers: Self.bearer(token(#""sub":"42""#)))
        #expect(reading.status == 401 && reading.text.contains("channels"))
    }

    @Test("a refused post is answered before its body is sent")
    func early() throws {
        let edge = try edge(.token, tokens: true)
        defer { try? edge.stop() }
        let client = edge.client(timeout: 5)
        try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{")
        #expect(try client.readResponse().status == 401)
    }

    @Test("an anonymous writer gets a key with the answer, and is known again by it")
    func editKeys() throws {
        let edge = try edge(.open)
        defer { try? edge.stop() }
        let first = try ParsedJSON(parsing: try post(edge, [:]).text)
        let key = try #require(first["edit_key"]?.string)
        #expect(key.utf8.count == 22)
        let again = try post(edge, ["Edit-Key": key])
        #expect(again.status == 202 && again.text == "{\"ids\":[\"id-1\"]}\n")
        #expect(try ParsedJSON(parsing: try post(edge, [:]).text)["edit_key"]?.string != key)
        let fingerprints = try edge.on { world in
            world.sink.writers.map { writer -> String? in
                if case .anonymous(_, let fingerprint) = writer.identity { fingerprint } else { nil }
            }
        }
        #expect(fingerprints.count == 3 && fingerprints[0] != nil && fingerprints[0] == fingerprints[1])
        #expect(fingerprints[2] != fingerprints[0])
        for wrong in ["short", String(repeating: "a", count: 65), String(repeating: "=", count: 22)] {
            let answer = try post(edge, ["Edit-Key": wrong])
            #expect(answer.status == 400 && answer.text.contains("Edit-Key has 22 to 64"), "\(answer.text)")
        }
        let client = edge.client()
        try client.send(
            raw:
                "POST /v1/comments HTTP/1.1\r\nHost: a\r\nEdit-Key: \(key)\r\nEdit-Key: \(key)\r\nContent-Length: 2\r\n\r\n{}"
        )
        #expect(try client.readResponse().status == 400)
        #expect(try edge.metric(#"requests_refused_total{reason="edit_key"}"#) == 3)
        let metrics = try edge.client().get("/metrics").text
        #expect(!metrics.contains(key))
    }

    @Test("a page may send an edit key from another origin")
    func preflight() throws {
        let edge = try edge(.open) { $0.access.origins = .listed(["https://a.example"]) }
        defer { try? edge.stop() }
        let answer = try edge.client().request(
            "OPTIONS", "/v1/comments",
            headers: ["Origin": "https://a.example", "Access-Control-Request-Method": "POST"])
        #expect(answer[header: "Access-Control-Allow-Headers"]?.contains("Edit-Key") == true)
    }

    @Test("a verdict of the sink says who may not, and where nobody may")
    func verdicts() throws {
        let edge = try edge(.open)
        defer { try? edge.stop() }
        try edge.on { $0.sink.verdict = .forbidden(reason: "not there") }
        #expect(try post(edge, [:]).status == 403)
        #expect(try edge.metric(#"requests_refused_total{reason="write"}"#) == 1)
        try edge.on { $0.sink.verdict = .conflict(reason: "the conversation is closed") }
        let answer = try post(edge, [:])
        #expect(answer.status == 409 && answer.text.contains("closed"))
    }

    @Test("tokens of every algorithm are taken with a key set, and the old ones no longer when it has changed")
    func keySets() throws {
        let signers = try [
            TokenSigner(id: "r", pem: KeySamples.rsa), TokenSigner(id: "e", pem: KeySamples.ed25519),
            TokenSigner(id: "p", pem: KeySamples.p256),
        ]
        #expect(signers.map(\.key.algorithm) == [.rs256, .eddsa, .es256])
        let edge = try edge(.token) {
            $0.access.keySet = KeySetSource(.url("http://127.0.0.1/", caFile: nil), refresh: 300_000)
        }
        defer { try? edge.stop() }
        let expires = Clock.unixMilliseconds() / 1000 + 60
        let tokens = signers.map { $0.token(claims: ["exp": .int(expires), "sub": "42"]) }
        // Nothing was read: the tokens may be good.
        let early = try post(edge, Self.bearer(tokens[0]))
        #expect(early.status == 503 && early[header: "Retry-After"] == "1", "\(early.text)")
        let reading = signers[0].token(claims: ["exp": .int(expires), "channels": ["user:7"]])
        let poll = try edge.client().get("/v1/channels/user:7", headers: Self.bearer(reading))
        #expect(poll.status == 503 && poll[header: "Retry-After"] == "1")
        // A stream that gets 503 would never come back.
        let stream = try edge.client().get("/v1/events?c=user:7@-1&access_token=\(reading)")
        #expect(stream.status == 200 && stream.text.contains("retry:"), "\(stream.status) \(stream.text)")
        let asked = Mutex(0)
        try edge.on { world in
            world.server.onUnknownKey = { asked.withLock { $0 += 1 } }
            world.server.adopt(keySet: .keys(signers.map(\.key)))
        }
        for token in tokens { #expect(try post(edge, Self.bearer(token)).status == 202) }
        #expect(try edge.metric("key_set_keys") == 3)
        // A reading that failed changes nothing, one without the first key ends it, although its token was known.
        try edge.on { $0.server.adopt(keySet: .failed) }
        #expect(try post(edge, Self.bearer(tokens[0])).status == 202)
        try edge.on { $0.server.adopt(keySet: .keys(signers.dropFirst().map(\.key))) }
        #expect(
            try post(edge, Self.bearer(tokens[0])).status == 401 && post(edge, Self.bearer(tokens[1])).status == 202)
        #expect(asked.withLock { $0 } == 1)
        #expect(try edge.metric(#"key_set_reads_total{outcome="read"}"#) == 2)
        #expect(try edge.metric(#"key_set_reads_total{outcome="failed"}"#) == 1)
        #expect(try edge.metric(#"requests_refused_total{reason="token_key"}"#) == 1)
    }

    @Test("a token without a key's name is tried with a few keys, never with all of a set")
    func unnamed() throws {
        let signer = try TokenSigner(id: nil, pem: KeySamples.ed25519)
        let token = signer.token(claims: ["exp": 4_000_000_000, "sub": "42"])
        for (count, expected) in [(1, nil), (4, nil), (5, .unnamed)] as [(Int, TokenError?)] {
            var options = AccessOptions()
            let keys = try (0..<count).map { try TokenSigner(id: "\($0)", pem: KeySamples.ed25519).key }
            options.keySet = KeySetSource(.file(""), refresh: 1000, keys: keys)
            var refusal: TokenError?
            do throws(TokenError) {
                _ = try TokenVerifier(options: options).verify(token, now: 1_800_000_000_000)
            } catch {
                refusal = error
            }
            #expect(refusal == expected, "\(count)")
        }
    }

    @Test("with an issuer, tokens of another one and of none are refused")
    func issuers() throws {
        var options = AccessOptions()
        options.tokenKeys = [try mint.hmacKey()]
        options.issuer = "https://id.example"
        for (member, isTaken) in [
            (#","iss":"https://id.example""#, true), (#","iss":"https://id.example/""#, false), ("", false),
            (#","iss":7"#, false),
        ] {
            let token = mint.hmac(#"{"exp":4000000000,"sub":"42"\#(member)}"#)
            #expect((options.refusal(of: token) == nil) == isTaken, "\(member)")
        }
    }
}
