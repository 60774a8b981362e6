import Events
import TestSupport
import Testing

@testable import Edge

@Suite("Hosts")
struct AllowedHostsTests {
    private static let loopback = "127.0.0.1:8080"
    private static let everywhere = "0.0.0.0:8080"
    private static let named = HostNames.named(["comments.example.org", "edge.example:8443", "[2001:db8::1]"])

    private static func match(_ host: String, _ names: HostNames = .named([]), at address: String) throws
        -> AllowedHosts.Match
    {
        let bytes = Array(host.utf8)
        return AllowedHosts(names, at: try ListenAddress(parsing: address)).match(bytes.span)
    }

    @Test(
        "a loopback edge answers for the names of this machine and those that are listed, and for no others",
        arguments: [
            ("localhost", AllowedHosts.Match.own), ("localhost:8080", .own), ("LocalHost:1", .own), ("127.0.0.1", .own),
            ("127.0.0.1:9000", .own), ("[::1]:8080", .own), ("", .own),
            ("evil.example", .foreign), ("evil.example:8080", .foreign), ("localhost.evil.example", .foreign),
            ("127.0.0.1.evil.example:8080", .foreign), ("localhost.", .foreign), ("10.0.0.1:8080", .foreign),
            ("0.0.0.0:8080", .foreign), ("127.0.0.2:8080", .foreign), ("[::]:8080", .foreign), ("local", .foreign),
            ("comments.example.org", .foreign), ("evil.example\r\nX: y", .foreign), ("\0", .foreign),
            ("\u{212A}localhost", .foreign), ("127.1:8080", .foreign), ("2130706433:8080", .foreign),
        ])
    func loopbackEdge(host: String, expected: AllowedHosts.Match) throws {
        #expect(try Self.match(host, at: Self.loopback) == expected)
        let listed = try Self.match(host, Self.named, at: Self.loopback)
        #expect(listed == (host == "comments.example.org" ? .own : expected))
        #expect(try Self.match(host, .any, at: Self.loopback) == .own)
    }

    @Test("an edge that listens on another address of the loopback answers for that as well")
    func ownAddress() throws {
        #expect(try Self.match("127.0.0.2:8080", at: "127.0.0.2:8080") == .own)
        #expect(try Self.match("127.0.0.3:8080", at: "127.0.0.2:8080") == .foreign)
    }

    @Test(
        "elsewhere, a name that nobody listed may be another site's, and an address may not",
        arguments: [Self.everywhere, ":8080", "10.0.0.1:8080", "unix:/run/edge.sock"])
    func elsewhere(address: String) throws {
        for host in ["10.0.0.1:8080", "192.0.2.7", "[2001:db8::1]:8080", "[::1]", "localhost:8080", ""] {
            #expect(try Self.match(host, at: address) == .own, "\(host)")
        }
        for host in ["comments.example.org", "evil.example:8080", "10.0.0.1.evil.example", "1.2.3", "[v1.a]", "a1"] {
            #expect(try Self.match(host, at: address) == .unknown, "\(host)")
        }
    }

    @Test(
        "where names are listed, only these are answered: each with any port, or with its own",
        arguments: [
            ("comments.example.org", AllowedHosts.Match.own), ("Comments.Example.org:80", .own),
            ("edge.example:8443", .own), ("edge.example", .foreign), ("edge.example:443", .foreign),
            ("[2001:db8::1]:8080", .own), ("192.0.2.7", .own), ("evil.example", .foreign),
            ("sub.comments.example.org", .foreign), ("comments.example.org.", .foreign),
            ("comments.example.org.evil.example", .foreign), ("xcomments.example.org", .foreign),
        ])
    func listed(host: String, expected: AllowedHosts.Match) throws {
        #expect(try Self.match(host, Self.named, at: Self.everywhere) == expected)
    }

    @Test("only what a client can send is a host")
    func syntax() {
        for text in [
            "example.org", "example.org:8443", "localhost", "10.0.0.1:80", "[::1]", "[2001:db8::1]:8080", "a_b.example",
            "xn--caf-dma.example",
        ] {
            #expect(HostNames.isHost(text), "\(text)")
        }
        for text in [
            "", "*", "*.example.org/", "https://example.org", "example.org/", "Example.org", "a b", "u@example.org",
            "example.org:", ":80", "::1", "[::1", "[]", "a,b/", "caf\u{E9}.example", "example.org\r\n",
            String(repeating: "a", count: 256),
        ] where text != "*" {
            #expect(!HostNames.isHost(text), "\(text)")
        }
    }

    @Test("no bytes crash the decision, and none that contain a foreign name pass for the loopback")
    func fuzz() throws {
        var random = SplitMix64()
        let pieces = [
            "localhost", "127.0.0.1", "[::1]", "evil", ".", ":", "8080", "%00", "\0", "@", "[", "]", "\u{E9}", " ",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...5, using: &random)).map { _ in pieces.randomElement(using: &random) ?? ""
            }
            .joined()
            let isOwn = try Self.match(text, at: Self.loopback) == .own
            if text.contains("evil") || text.contains("@") { #expect(!isOwn, "\(text) seed \(random.seed)") }
        }
    }
}
