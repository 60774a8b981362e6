import Testing

@testable import Edge

@Suite("Origins")
struct AllowedOriginsTests {
    private static let listed = AllowedOrigins.listed(["https://example.org", "http://localhost:3000"])

    @Test(
        "an origin is listed, the edge's own, or foreign",
        arguments: [
            ("https://example.org", OriginMatch.listed(0)), ("http://localhost:3000", .listed(1)), ("", .absent),
            ("http://edge.example:8080", .same), ("https://EDGE.example:8080", .same), ("null", .foreign),
            ("http://example.org", .foreign), ("https://example.org:443", .foreign), ("https://example.org/", .foreign),
            ("https://example.org.evil.example", .foreign), ("https://evilexample.org", .foreign),
            ("https://sub.example.org", .foreign), ("https://example.or", .foreign), ("http://edge.example", .foreign),
            ("ftp://edge.example:8080", .foreign), ("edge.example:8080", .foreign), ("*", .foreign),
        ])
    func matching(origin: String, expected: OriginMatch) {
        let host = Array("edge.example:8080".utf8)
        let bytes = Array(origin.utf8)
        let match = Self.listed.match(bytes.span, host: host.span)
        #expect(match == expected)
        let any = AllowedOrigins.any.match(bytes.span, host: host.span)
        #expect(any == .any)
        let writers = AllowedOrigins.all(writers: ["https://example.org", "http://localhost:3000"])
        let relation = writers.relation(of: bytes.span, to: host.span)
        #expect(relation == expected)
    }

    @Test("an empty Host matches no origin")
    func emptyHost() {
        let bytes = Array("http://".utf8)
        let match = AllowedOrigins.listed([]).match(bytes.span, host: [UInt8]().span)
        #expect(match == .foreign)
    }

    @Test("only what a browser can send is an origin")
    func syntax() {
        for text in [
            "https://example.org", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://xn--caf-dma.example", "capacitor://localhost", "https://example.org:8443",
        ] {
            #expect(AllowedOrigins.isOrigin(text), "\(text)")
        }
        for text in [
            "", "*", "null", "example.org", "https://", "https://example.org/", "https://example.org/path",
            "https://example.org:443", "http://example.org:80", "https://Example.org", "HTTPS://example.org",
            "https://user@example.org", "https://*.example.org", "https://caf\u{E9}.example", "https://example.org:",
            "https://example.org:080", "https://example.org:99999", "https://example.org?x", "https://a b",
            "https://example.org\r\nX: y", "https://[::1", "https://[]", "://x", "https:example.org",
        ] {
            #expect(!AllowedOrigins.isOrigin(text), "\(text)")
        }
    }
}
