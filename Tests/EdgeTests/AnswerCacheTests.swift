import TestSupport
import Testing

@testable import Edge

@Suite("Responses that many connections share")
struct AnswerCacheTests {
    private static func key(
        second: Int64 = 7, origin: OriginMatch = .absent, keepAlive: Bool = true, isHTTP10: Bool = false,
        variant: Int64 = 1
    ) -> AnswerCache.Key {
        AnswerCache.Key(second: second, origin: origin, keepAlive: keepAlive, isHTTP10: isHTTP10, variant: variant)
    }

    @Test("cached bytes are used only for exactly the same kind of response")
    func keys() {
        let cache = AnswerCache()
        #expect(cache.bytes(for: Self.key()) == nil)
        cache.keep([1, 2], for: Self.key())
        #expect(cache.bytes(for: Self.key()) == [1, 2])
        for other in [
            Self.key(second: 8), Self.key(origin: .any), Self.key(origin: .listed(0)), Self.key(origin: .foreign),
            Self.key(keepAlive: false), Self.key(isHTTP10: true), Self.key(variant: 2),
        ] { #expect(cache.bytes(for: other) == nil, "\(other)") }
        cache.keep([3], for: Self.key(second: 8))
        #expect(cache.bytes(for: Self.key()) == nil && cache.bytes(for: Self.key(second: 8)) == [3])
    }

    /// A held reader and the fields that its answer must have.
    private struct Reader {
        let client: HTTPClient
        let connection: String?
        let origin: String?
        let isGzip: Bool
    }

    @Test("readers that are answered together each get their own header fields", arguments: [1, 2000, 6000])
    func together(_ size: Int) throws {
        let edge = try EdgeHarness { $0.access.origins = .listed(["https://a.example", "https://b.example"]) }
        defer { try? edge.stop() }
        let kinds: [(version: String, fields: String, connection: String?, origin: String?)] = [
            ("1.1", "", nil, nil), ("1.1", "Connection: close\r\n", "close", nil), ("1.0", "", "close", nil),
            ("1.0", "Connection: keep-alive\r\n", "keep-alive", nil),
            ("1.1", "Origin: https://a.example\r\n", nil, "https://a.example"),
            ("1.1", "Origin: https://b.example\r\n", nil, "https://b.example"),
            ("1.1", "Origin: https://c.example\r\n", nil, nil), ("1.1", "Accept-Encoding: gzip\r\n", nil, nil),
        ]
        // Twice, so that each kind comes before and after every other one.
        let readers = try (kinds + kinds).map { kind in
            let client = edge.client()
            try client.send(
                raw: "GET /v1/channels/thread:1?offset=now&live=long-poll HTTP/\(kind.version)\r\n"
                    + "Host: a\r\n\(kind.fields)\r\n")
            return Reader(
                client: client, connection: kind.connection, origin: kind.origin,
                isGzip: size >= GzipBody.worthwhile && kind.fields.hasPrefix("Accept"))
        }
        try edge.waitForHeld(readers.count)
        let event = "\"" + String(repeating: "x", count: size) + "\""
        try edge.publish(event, to: "thread:1")
        for reader in readers {
            let answer = try reader.client.readResponse()
            #expect(answer.status == 200)
            #expect(answer[header: "Connection"] == reader.connection)
            #expect(answer[header: "Access-Control-Allow-Origin"] == reader.origin)
            #expect((answer[header: "Content-Encoding"] == "gzip") == reader.isGzip)
            if !reader.isGzip { #expect(answer.text == "[\(event)]") }
        }
        // HEAD has no body even if one is cached for the position.
        let client = edge.client()
        let offset = "0000000001_1700000000000_0000000000000000"
        let path = "/v1/channels/thread:1?offset=\(offset)&live=long-poll"
        #expect(try client.get(path).text == "[\(event)]")
        #expect(try client.request("HEAD", path).body.isEmpty)
        #expect(try client.get("/live").text == "live\n")
        #expect(try client.get(path).text == "[\(event)]")
    }
}
