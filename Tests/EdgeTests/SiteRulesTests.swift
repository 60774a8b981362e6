import Events
import Testing

@testable import Edge

/// Which pages may do what through the browser of a visitor.
@Suite("Rules on pages of other sites")
struct SiteRulesTests {
    /// A request as a browser, or another client, sends it.
    struct Sample: CustomTestStringConvertible {
        let name: String
        let host: String
        var origin: String?
        var site: String?
        let reading: SiteRules.Refusal?
        let writing: SiteRules.Refusal?
        let administration: SiteRules.Refusal?
        var testDescription: String { name }

        init(
            _ name: String, host: String, origin: String? = nil, site: String? = nil,
            _ reading: SiteRules.Refusal? = nil, _ writing: SiteRules.Refusal? = nil,
            _ administration: SiteRules.Refusal? = nil
        ) {
            self.name = name
            (self.host, self.origin, self.site) = (host, origin, site)
            (self.reading, self.writing, self.administration) = (reading, writing, administration)
        }
    }

    private static func refusal(
        _ sample: Sample, _ purpose: SiteRules.Purpose, at address: String, _ names: HostNames = .named([])
    ) throws -> SiteRules.Refusal? {
        let fields = [sample.origin.map { "Origin: \($0)\r\n" }, sample.site.map { "Sec-Fetch-Site: \($0)\r\n" }]
        let bytes = Array("GET / HTTP/1.1\r\nHost: \(sample.host)\r\n\(fields.compactMap(\.self).joined())\r\n".utf8)
        var parser = RequestParser(limits: EdgeLimits())
        guard case .complete(let head) = parser.parse(bytes.span) else {
            Issue.record("no request: \(sample.name)")
            return nil
        }
        let rules = SiteRules(
            hosts: AllowedHosts(names, at: try ListenAddress(parsing: address)),
            origins: .listed(["https://named.example"]))
        return rules.refusal(of: purpose, head, of: bytes.span)
    }

    private static func check(_ sample: Sample, at address: String, _ names: HostNames = .named([])) throws {
        #expect(try refusal(sample, .reading, at: address, names) == sample.reading)
        #expect(try refusal(sample, .writing, at: address, names) == sample.writing)
        #expect(try refusal(sample, .administration, at: address, names) == sample.administration)
    }

    private static let own = "localhost:8080"

    @Test(
        "an edge on the loopback",
        arguments: [
            Sample("curl, a server", host: own),
            Sample("the person, by the address", host: own, site: "none"),
            Sample("its own page", host: own, origin: "http://localhost:8080", site: "same-origin"),
            Sample("its own page reads", host: own, site: "same-origin"),
            Sample("its own page behind TLS", host: own, origin: "https://localhost:8080"),
            Sample(
                "a page of another site", host: own, origin: "https://evil.example", site: "cross-site", nil, .site,
                .site),
            Sample(
                "in a browser that does not say the site", host: own, origin: "https://evil.example", nil, .site, .site),
            Sample("a picture of another site", host: own, site: "cross-site", nil, .site, .site),
            Sample(
                "another port of this machine", host: own, origin: "http://localhost:3000", site: "same-site", nil,
                .site, .site),
            Sample("the same, without an origin", host: own, site: "same-site", nil, .site, .site),
            Sample("a site that no browser says", host: own, site: "same-origin, none", nil, .site, .site),
            Sample("a frame in a sandbox", host: own, origin: "null", site: "cross-site", nil, .site, .site),
            Sample("a file", host: own, origin: "null", nil, .site, .site),
            Sample(
                "a page that claims to be the same", host: own, origin: "http://localhost:8080", site: "cross-site",
                nil, .site, .site),
            Sample(
                "a page of an origin that is named", host: own, origin: "https://named.example", site: "cross-site",
                nil, nil, .site),
            Sample(
                "the same name without TLS", host: own, origin: "http://named.example", site: "cross-site", nil, .site,
                .site),
            Sample("a name that was rebound reads", host: "evil.example:8080", .host, .host, .host),
            Sample(
                "a name that was rebound posts", host: "evil.example:8080", origin: "http://evil.example:8080",
                site: "same-origin", .host, .host, .host),
            Sample(
                "an origin that is named, under a wrong name", host: "evil.example", origin: "https://named.example",
                .host, .host, .host),
        ])
    func loopback(_ sample: Sample) throws {
        try Self.check(sample, at: "127.0.0.1:8080")
    }

    @Test(
        "an edge elsewhere whose names nobody has listed",
        arguments: [
            Sample("a server posts under a name", host: "edge.internal", nil, nil, .unknownHost),
            Sample(
                "a page under the edge's name", host: "comments.example", origin: "https://comments.example",
                site: "same-origin", nil, .unknownHost, .unknownHost),
            Sample("a name that was rebound reads", host: "evil.example", nil, nil, .unknownHost),
            Sample(
                "a name that was rebound posts", host: "evil.example", origin: "http://evil.example", nil, .unknownHost,
                .unknownHost),
            Sample(
                "a page under an address", host: "192.0.2.7:8080", origin: "http://192.0.2.7:8080", site: "same-origin"),
            Sample(
                "an origin that is named", host: "comments.example", origin: "https://named.example",
                site: "cross-site", nil, nil, .site),
            Sample(
                "another site", host: "192.0.2.7:8080", origin: "https://evil.example", site: "cross-site", nil, .site,
                .site),
        ])
    func elsewhere(_ sample: Sample) throws {
        try Self.check(sample, at: "0.0.0.0:8080")
        try Self.check(sample, at: "unix:/run/edge.sock")
    }

    @Test(
        "an edge elsewhere whose names are listed",
        arguments: [
            Sample(
                "a page under the edge's name", host: "comments.example", origin: "https://comments.example",
                site: "same-origin"),
            Sample(
                "another port of it", host: "comments.example", origin: "https://comments.example:8443",
                site: "same-site", nil, .site, .site),
            Sample("another name", host: "evil.example", .host, .host, .host),
        ])
    func listed(_ sample: Sample) throws {
        try Self.check(sample, at: "0.0.0.0:8080", .named(["comments.example"]))
        try Self.check(sample, at: "127.0.0.1:8080", .named(["comments.example"]))
    }

    @Test("a refusal says which setting to change, and repeats no more of the host than a host can have")
    func messages() {
        let host = Array(String(repeating: "a", count: 5000).utf8)
        let wrong = SiteRules.Refusal.host.error(for: .reading, host: host.span)
        #expect(wrong.status == .misdirectedRequest && wrong.message.contains("edge.hosts"))
        #expect(wrong.message.utf8.count < 400)
        let unknown = SiteRules.Refusal.unknownHost.error(for: .writing, host: host.span)
        #expect(unknown.status == .misdirectedRequest && unknown.message.contains("edge.hosts"))
        let site = SiteRules.Refusal.site.error(for: .writing, host: host.span)
        #expect(site.status == .forbidden && site.message.contains("edge.origins"))
        #expect(SiteRules.Refusal.site.error(for: .administration, host: host.span).status == .forbidden)
    }
}
