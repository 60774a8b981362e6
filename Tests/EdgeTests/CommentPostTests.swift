import TestSupport
import Testing

@testable import Edge

@Suite("POST /v1/comments")
struct CommentPostTests {
    private static let live = "GET /live HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("a body comes with a length or in chunks, in pieces or at once")
    func bodies() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        let head =
            "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            + "Edit-Key: a-key-of-22-characters\r\n"
        for text in [
            head + "Content-Length: 7\r\n\r\n{\"a\":1}",
            head + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
        ] {
            for size in [1, 7, 1000] {
                var rest = Array(text.utf8)[...]
                while !rest.isEmpty {
                    try client.send(raw: rest.prefix(size))
                    rest = rest.dropFirst(size)
                }
                let answer = try client.readResponse()
                #expect(answer.status == 202 && answer.text == "{\"ids\":[\"id-1\"]}\n")
            }
        }
        let bodies = try edge.on { $0.sink.bodies.map { "\($0.body) \($0.ndjson)" } }
        #expect(bodies == Array(repeating: "{\"a\":1} false", count: 6))
    }

    @Test("a request behind a body is answered after it")
    func pipelinedBehindBody() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        try edge.on { $0.sink.verdict = nil }
        let client = edge.client()
        try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + Self.live)
        try eventually { try edge.on { $0.sink.bodies.count == 1 } }
        try edge.on { $0.sink.answer(.unavailable(reason: "the queue is full", retryAfter: 3)) }
        let answer = try client.readResponse()
        #expect(
            answer.status == 503 && answer[header: "Retry-After"] == "3" && answer.text.contains("the queue is full"))
        #expect(try client.readResponse().text == "live\n")
    }

    @Test("comments are answered with the sink's verdict")
    func verdicts() throws {
        let edge = try EdgeHarness { $0.limits.postTimeout = 200 }
        defer { try? edge.stop() }
        let client = edge.client()
        try edge.on { $0.sink.verdict = .invalid(reason: "thread is missing") }
        let invalid = try client.post("/v1/comments", "{}")
        #expect(invalid.status == 400 && invalid.text == "{\"error\":\"thread is missing\"}\n")
        try edge.on { $0.sink.verdict = .tooLarge(reason: "too large") }
        #expect(try client.post("/v1/comments", "{}").status == 413)
        #expect(try client.post("/v1/comments", "").status == 400)
        // A sink that does not answer in time.
        try edge.on { $0.sink.verdict = nil }
        #expect(try client.post("/v1/comments", "{}").status == 503)
        // A client that does not wait for the answer.
        try client.send(raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        try eventually { try edge.on { $0.sink.bodies.count == 4 } }
        client.close()
        try edge.on { $0.sink.answer(.accepted(ids: [])) }
        #expect(try edge.client().get("/live").status == 200)
    }

    @Test("while the sink does not answer, pending posts are bounded: 503 with Retry-After")
    func posted() throws {
        let edge = try EdgeHarness {
            $0.limits.postedBytes = 100
            $0.limits.postTimeout = 100
        }
        defer { try? edge.stop() }
        try edge.on { $0.sink.verdict = nil }
        func post(_ bytes: Int) throws -> HTTPResponse {
            try edge.client().post("/v1/comments", "{" + String(repeating: " ", count: bytes - 2) + "}")
        }
        // A single post is accepted whatever its size. Its client is gone, but it still counts.
        #expect(try post(150).text.contains("in time"))
        #expect(try edge.metric("posted_bytes") == 150)
        let refused = try post(2)
        #expect(refused.status == 503 && refused[header: "Retry-After"] == "2", "\(refused.text)")
        #expect(refused.text.contains("has not confirmed earlier comments"))
        #expect(try edge.metric("posts_refused_total") == 1)
        try edge.on { $0.sink.answer(.accepted(ids: ["a"])) }
        #expect(try edge.metric("posted_bytes") == 0)
        for _ in 0..<2 { #expect(try post(50).text.contains("in time")) }
        #expect(try post(2).text.contains("earlier comments"))
        try edge.on {
            $0.sink.answer(.unavailable(reason: "no connection", retryAfter: 1))
            $0.sink.verdict = .accepted(ids: ["b"])
        }
        #expect(try post(50).status == 202)
        #expect(try edge.metric("posted_bytes") == 0)
    }

    @Test("a body that is too large is refused before it is sent, and the answer arrives")
    func tooLarge() throws {
        let edge = try EdgeHarness { $0.limits.commentsPerPost = 20_000 }
        defer { try? edge.stop() }
        let client = edge.client()
        let head = "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        try client.send(raw: head + "Content-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
        #expect(try client.readResponse().status == 413)
        // A client that sends the body all the same still gets the answer.
        let eager = edge.client()
        try eager.send(raw: head + "Content-Length: 500000\r\n\r\n" + String(repeating: "a", count: 500_000))
        #expect(try eager.readResponse().status == 413)
        let chunked = edge.client()
        try chunked.send(raw: head + "Transfer-Encoding: chunked\r\n\r\n10001\r\n")
        #expect(try chunked.readResponse().status == 413)
        // Many lines may be larger than one event.
        let lines = String(repeating: "{\"a\":1}\n", count: 20_000)
        #expect(
            try edge.client().post("/v1/comments", lines, headers: ["Content-Type": "application/x-ndjson"]).status
                == 202)
    }

    @Test("too many comments in one request are refused before they reach the sink, and counted")
    func tooMany() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        let line = "{\"a\":1}\n"
        for type in ["application/x-ndjson", "text/plain"] {
            let fields = ["Content-Type": type]
            let many = String(repeating: line + "\r\n", count: 1000)
            #expect(try client.post("/v1/comments", many, headers: fields).status == 202)
            let refused = try client.post("/v1/comments", many + line, headers: fields)
            #expect(refused.status == 413 && refused.text.contains("more than 1000 comments"))
        }
        #expect(try edge.on { $0.sink.bodies.count } == 2)
        #expect(try edge.metric("comments_refused_total") == 2002)
    }

    @Test("a client that expects 100 Continue gets it")
    func expectation() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        try client.send(
            raw: "POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(try client.readHead().status == 100)
        try client.send(raw: "{}")
        #expect(try client.readResponse().status == 202)
    }
}
