import TestSupport
import Testing

@testable import Edge

@Suite("HEAD")
struct HeadTests {
    @Test(
        "it has no field that GET would not have",
        arguments: [
            "/live", "/ready", "/", "/metrics", "/none", "/v1/channels/thread:1", "/v1/channels/thread:1?offset=now",
            "/v1/channels/thread:1?offset=-1&live=long-poll", "/v1/channels/thread:1?offset=-1&live=sse",
            "/v1/poll?c=thread:1@-1", "/v1/events?c=thread:1@-1", "/v1/poll",
        ])
    func sameAsGet(_ path: String) throws {
        let edge = try EdgeHarness { options in
            options.page = EdgePage(body: Array("<p>".utf8))
        }
        defer { try? edge.stop() }
        for number in 1...5 { try edge.publish("\(number)", to: "thread:1") }
        let client = edge.client()
        try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        let get = try client.readHead()
        let head = try edge.client().request("HEAD", path)
        #expect(head.status == get.status && head.body.isEmpty)
        #expect(head[header: "Content-Type"] == get[header: "Content-Type"])
        #expect(head[header: "Cache-Control"] == get[header: "Cache-Control"])
        for name in ["Content-Length", "ETag", "Content-Encoding", "Content-Security-Policy"] {
            #expect(head[header: name] == nil || head[header: name] == get[header: name], "\(name)")
        }
    }

    @Test("for a channel it describes the current end")
    func channel() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        for number in 1...5 { try edge.publish("\(number)", to: "thread:1") }
        let client = edge.client()
        let head = try client.request("HEAD", "/v1/channels/thread:1", headers: ["If-None-Match": "*"])
        #expect(head.status == 200 && head[header: "Stream-Next-Offset"]?.hasSuffix("05") == true)
        #expect(head[header: "ETag"] == nil && head[header: "Content-Length"] == nil)
        #expect(try client.get("/live").text == "live\n")
    }
}
