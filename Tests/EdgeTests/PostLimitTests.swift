import TestSupport
import Testing

@testable import Edge

/// The limits of posts over real sockets. This machine is not counted, so the clients come through a "proxy".
@Suite("limits of posts by address")
struct PostLimitTests {
    private static let local = AddressRange("127.0.0.0/8")!

    private func proxied(_ change: @escaping @Sendable (inout EdgeOptions) -> Void = { _ in }) throws -> EdgeHarness {
        try EdgeHarness { options in
            options.proxies = ProxyTrust(ranges: [Self.local])
            change(&options)
        }
    }

    private func post(_ edge: EdgeHarness, _ address: String?, _ body: String = #"{"thread":"1","text":"x"}"#) throws
        -> HTTPResponse
    {
        try edge.client().post("/v1/comments", body, headers: address.map { ["X-Forwarded-For": $0] } ?? [:])
    }

    private func metric(_ name: String, _ edge: EdgeHarness) throws -> Int {
        let text = try edge.client().get("/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix("tidings_edge_\(name) ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
    }

    @Test("an address beyond its rate gets 429 that says when to come again; others are served")
    func rate() throws {
        let edge = try proxied()
        defer { try? edge.stop() }
        for _ in 0..<10 { #expect(try post(edge, "1.2.3.4").status == 202) }
        let refused = try post(edge, "1.2.3.4")
        #expect(refused.status == 429 && refused[header: "retry-after"] == "2")
        #expect(refused.text.contains("one address may post 30 comments a minute; send the same request again in 2 s"))
        #expect(try post(edge, "1.2.3.5").status == 202)
        #expect(try metric(#"limit_reached_total{limit="posts_per_minute"}"#, edge) == 1)
        #expect(try metric("posters", edge) == 2)
        #expect(try metric("posts_unattributed_total", edge) == 0)
    }

    @Test("the addresses of one IPv6 /64 are one client")
    func network() throws {
        let edge = try proxied()
        defer { try? edge.stop() }
        for number in 1...10 { #expect(try post(edge, "2001:db8::\(number)").status == 202) }
        #expect(try post(edge, "2001:db8::ffff:1").status == 429)
        #expect(try post(edge, "2001:db8:0:1::1").status == 202)
    }

    @Test("more comments in one request than at once are allowed get 413, and so do too many conversations")
    func atOnce() throws {
        let edge = try proxied { $0.limits.threadsPerMinute = 3 }
        defer { try? edge.stop() }
        func lines(_ count: Int, _ thread: (Int) -> Int) -> String {
            (0..<count).map { #"{"thread":\#(thread($0)),"text":"x"}"# + "\n" }.joined()
        }
        let many = try post(edge, "1.2.3.4", lines(11) { _ in 1 })
        #expect(many.status == 413 && many.text.contains("one address may post 10 comments at once"))
        #expect(try post(edge, "1.2.3.4", lines(4) { $0 }).status == 413)
        #expect(try post(edge, "1.2.3.4", lines(5) { $0 % 3 }).status == 202)
        let new = try post(edge, "1.2.3.4", #"{"thread":"another","text":"x"}"#)
        #expect(new.status == 429 && new[header: "retry-after"] == "20")
        #expect(new.text.contains("one address may post to 3 conversations that are new to it a minute"))
        #expect(try post(edge, "1.2.3.4", #"{"thread":2,"text":"x"}"#).status == 202)
        #expect(try metric(#"limit_reached_total{limit="threads_per_minute"}"#, edge) == 1)
        #expect(try metric(#"limit_reached_total{limit="post_burst"}"#, edge) == 2)
    }

    @Test("posts with an API key have the key's rate and no other")
    func keys() throws {
        let key = "0123456789abcdefghij"
        let edge = try proxied { $0.access.apiKeys = [try! APIKey(name: "blog", key: key)] }
        defer { try? edge.stop() }
        for _ in 0..<15 {
            let answer = try edge.client().post(
                "/v1/comments", #"{"thread":"1","text":"x"}"#,
                headers: ["X-Forwarded-For": "1.2.3.4", "X-Api-Key": key])
            #expect(answer.status == 202)
        }
    }

    @Test("this machine has no limit as long as no proxy is configured, and that is counted")
    func local() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        for number in 0..<15 { #expect(try post(edge, number == 3 ? "1.2.3.4" : nil).status == 202) }
        #expect(try metric("posts_unattributed_total", edge) == 15)
        let elsewhere = try EdgeHarness { $0.proxies = ProxyTrust(ranges: [AddressRange("10.0.0.0/8")!]) }
        defer { try? elsewhere.stop() }
        for _ in 0..<10 { #expect(try post(elsewhere, "1.2.3.4").status == 202) }
        #expect(try post(elsewhere, "1.2.3.5").status == 429, "with proxies elsewhere it is a client like any other")
    }

    @Test("a proxy that speaks the PROXY protocol names the client of each connection")
    func proxyProtocol() throws {
        let edge = try EdgeHarness {
            $0.proxies = ProxyTrust(ranges: [Self.local], speaksProxyProtocol: true)
            $0.limits.postBurst = 1
        }
        defer { try? edge.stop() }
        func status(_ address: String) throws -> Int {
            let client = edge.client()
            let body = #"{"thread":"1","text":"x"}"#
            try client.send(
                raw: "PROXY TCP4 \(address) 10.0.0.1 1 2\r\nPOST /v1/comments HTTP/1.1\r\nHost: a\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
            return try client.readResponse().status
        }
        #expect(try status("1.2.3.4") == 202)
        #expect(try status("1.2.3.4") == 429)
        #expect(try status("1.2.3.5") == 202)
    }
}
