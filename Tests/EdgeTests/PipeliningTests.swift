import TestSupport
import Testing

@testable import Edge

@Suite("Many requests at once")
struct PipeliningTests {
    @Test("many pipelined requests are answered in order, over several turns of the loop")
    func turns() throws {
        let world = try PoolWorld(EdgeLimits())
        let clients = try (0..<3).map { _ in try world.connect() }
        // A recognizable order of requests for /live and for a missing path.
        let isLive = (0..<1500).map { $0 % 7 < 3 || $0 % 11 == 0 }
        let input = isLive.map { "GET \($0 ? "/live" : "/none") HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
        for client in clients { client.send(input) }
        func answers(_ client: PoolWorld.Client) -> [Bool] {
            client.received.split(separator: "HTTP/1.1 ").map { $0.hasPrefix("200") }
        }
        var before = 0
        var most = 0
        try world.runner.run(within: 30, "all are answered") {
            var count = 0
            for client in clients {
                client.receive()
                count += client.answers
            }
            most = max(most, count - before)
            before = count
            return count == 3 * isLive.count
        }
        #expect(most <= 2 * 3 * Connection.requestsAtOnce)
        for client in clients { #expect(answers(client) == isLive) }
        // The connections stay in sync.
        for client in clients { client.send("GET /live HTTP/1.1\r\nHost: a\r\n\r\n") }
        try world.runner.run(within: 5, "once more") {
            clients.allSatisfy { client in
                client.receive()
                return client.answers == isLive.count + 1
            }
        }
    }

    @Test("the end of the input is detected after all pipelined requests")
    func halfClosed() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        for _ in 0..<300 { try client.send(raw: "GET /live HTTP/1.1\r\nHost: a\r\n\r\n") }
        client.finishSending()
        for _ in 0..<300 { #expect(try client.readResponse().text == "live\n") }
        #expect(try client.readToEnd() == [])
    }

    @Test("bodies among pipelined requests are read completely, and nothing after garbage")
    func mixed() throws {
        let edge = try EdgeHarness()
        defer { try? edge.stop() }
        let client = edge.client()
        let head = "POST /v1/comments HTTP/1.1\r\nHost: a\r\n"
        let live = "GET /live HTTP/1.1\r\nHost: a\r\n\r\n"
        var input = ""
        for number in 100..<200 {
            input += live + head + "Content-Length: 7\r\n\r\n{\"\(number)\"}"
            input += head + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"c\r\n5\r\n\(number)\"}\r\n0\r\n\r\n"
        }
        try client.send(raw: input + live + "GARBAGE\r\n\r\n" + live)
        for _ in 0..<100 {
            #expect(try client.readResponse().status == 200)
            for _ in 0..<2 { #expect(try client.readResponse().status == 202) }
        }
        let bodies = (100..<200).flatMap { ["{\"\($0)\"}", "{\"c\($0)\"}"] }
        #expect(try edge.on { $0.sink.bodies.map(\.body) } == bodies)
        #expect(try client.readResponse().status == 200)
        let last = try client.readHead()
        #expect(last.status == 400 && last[header: "Connection"] == "close")
        #expect(!String(decoding: try client.readToEnd(), as: UTF8.self).contains("HTTP/1.1 2"))
    }
}
