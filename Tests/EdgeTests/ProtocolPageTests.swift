import TestSupport
import Testing

@testable import Edge

/// The numbers in docs/protocol.md, which authors of other clients rely on.
@Suite("The page on the protocol")
struct ProtocolPageTests {
    private static let streams = ["/v1/channels/thread:1?offset=-1&live=sse", "/v1/events?c=thread:1@-1"]

    private typealias Stream = (head: HTTPResponse, text: String, parser: EventSourceParser)

    /// Requests a stream.
    private func open(_ path: String, on edge: EdgeHarness, headers: String = "") throws -> HTTPClient {
        let client = edge.client()
        try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\(headers)\r\n")
        return client
    }

    /// A stream from its head to its end, and what a browser makes of it.
    private func read(_ client: HTTPClient) throws -> Stream {
        let head = try client.readHead()
        let bytes = try client.readToEnd()
        var parser = EventSourceParser()
        _ = parser.feed(bytes)
        return (head, String(decoding: bytes, as: UTF8.self), parser)
    }

    private func stream(_ path: String, on edge: EdgeHarness, headers: String = "") throws -> Stream {
        try read(open(path, on: edge, headers: headers))
    }

    @Test("a stream starts with a retry of 2 to 3 s and ends at its time limit with a short one", arguments: streams)
    func retry(_ path: String) throws {
        let edge = try EdgeHarness { $0.limits.streamTimeout = 150 }
        defer { try? edge.stop() }
        let (_, text, parser) = try stream(path, on: edge)
        let first = try #require(text.firstMatch(of: /^retry: (\d+)\n\n/)?.1)
        #expect((2000...3000).contains(try #require(Int(first))))
        #expect(parser.reconnectionTime == 100 && text.hasSuffix("retry: 100\n\n"))
    }

    @Test("where another request gets 503, a stream gets 200 with a retry of 7 to 8 s, and ends")
    func postponed() throws {
        let edge = try EdgeHarness { $0.limits.maxChannels = 0 }
        defer { try? edge.stop() }
        for path in Self.streams {
            let (head, text, parser) = try stream(path, on: edge)
            #expect(head.status == 200 && text.matches(of: /retry:/).count == 1)
            #expect((7000...8000).contains(parser.reconnectionTime ?? 0))
        }
        for path in ["/v1/poll?c=thread:1@-1", "/v1/channels/thread:1"] {
            let refused = try edge.client().get(path)
            #expect(refused.status == 503 && refused[header: "Retry-After"] == "5")
            #expect(try refused.json["error"]?.string?.isEmpty == false)
        }
    }

    @Test("a stream has no length and is never compressed: its end is the end of its connection", arguments: streams)
    func framing(_ path: String) throws {
        let edge = try EdgeHarness { $0.limits.streamTimeout = 200 }
        defer { try? edge.stop() }
        try edge.publish("\"\(String(repeating: "a", count: 5000))\"", to: "thread:1")
        let (head, text, _) = try stream(path, on: edge, headers: "Accept-Encoding: gzip\r\n")
        #expect(head[header: "Content-Type"] == "text/event-stream" && head[header: "Connection"] == "close")
        for name in ["Content-Length", "Transfer-Encoding", "Content-Encoding"] { #expect(head[header: name] == nil) }
        #expect(text.contains(String(repeating: "a", count: 5000)))
    }

    @Test(
        "a silent stream of many channels sends comments and a message without channels; a stream of one channel sends only comments"
    )
    func heartbeat() throws {
        let edge = try EdgeHarness { options in
            options.limits.heartbeat = 50
            options.limits.streamTimeout = 1000
        }
        defer { try? edge.stop() }
        let clients = try Self.streams.map { try open($0, on: edge) }
        let (_, one, _) = try read(clients[0])
        #expect(one.contains("\n:\n\n") && one.matches(of: /event:/).count == 1)
        let (_, many, _) = try read(clients[1])
        #expect(many.contains(":\n\n:\n\n:\n\ndata: {\"channels\":{},\"wait\":0}\n\n:\n\n"))
        #expect(many.matches(of: /id:/).count == 1)
    }

    @Test(
        "an invalid timeout is 400 everywhere; unknown parameters and an empty lastEventId are ignored",
        arguments: ["0", "56", "-1", "2.5", "", "x", "1s"])
    func wrongHold(_ timeout: String) throws {
        let edge = try EdgeHarness { $0.limits.streamTimeout = 200 }
        defer { try? edge.stop() }
        let client = edge.client()
        for path in Self.streams + ["/v1/poll?c=thread:1@now", "/v1/channels/thread:1?offset=now&live=long-poll"] {
            let answer = try client.get("\(path)&timeout=\(timeout)")
            #expect(answer.status == 400 && answer.text.contains("1 to 55"), "\(path)")
            #expect(try client.request("HEAD", "\(path)&timeout=55&colour=red&lastEventId=").status == 200)
        }
    }

    @Test("HEAD of a poll is answered at once, and an unsupported method is 405 or 501")
    func methods() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client(timeout: 5)
        #expect(try client.request("HEAD", "/v1/poll?c=thread:1@now&timeout=55").status == 200)
        for path in ["/v1/poll", "/v1/events", "/v1/channels/thread:1", "/v1/comments"] {
            let refused = try client.request("DELETE", path)
            #expect(refused.status == 405 && refused[header: "Allow"]?.contains("OPTIONS") == true)
            #expect(try client.request("SEARCH", path).status == 501)
        }
    }
}
