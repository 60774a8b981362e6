import TestSupport
import Testing

/// A client that does not know whether its comment was taken, and posts it again.
struct RepeatedPostTests {
    @Test("a comment that is posted again with its id is accepted, with the same id, and published once")
    func repeated() throws {
        let up = try TidingsUp()
        let client = HTTPClient(port: up.port)
        // As it was, with another order and a time, and once more as it was.
        let bodies = [
            #"{"thread":"t","id":"c-1","text":"hello"}"#,
            #"{"sent":1795471274686,"text":"hello","id":"c-1","thread":"t","type":"comment.created"}"#,
            #"{"thread":"t","id":"c-1","text":"hello"}"#,
        ]
        for body in bodies {
            let answer = try client.post("/v1/comments", body, headers: TidingsUp.editKey)
            #expect(answer.status == 202, "\(answer.text)")
            #expect(try ParsedJSON(parsing: answer.text)["ids"] == ["c-1"])
        }
        // What says something about the comment later is no repeat of it.
        let edit = #"{"thread":"t","id":"c-1","text":"hello!","type":"comment.edited"}"#
        #expect(try client.post("/v1/comments", edit, headers: TidingsUp.editKey).status == 202)
        try up.waitUntilIdle()
        #expect(try up.redis("ZCARD", "feed.ids:{thread:t}") == "2")
        let dropped = try up.status()["lanes"]?.array?.compactMap { $0["reasons"]?["duplicate"]?.integer } ?? []
        #expect(dropped.reduce(0, +) == 2)
    }

    @Test(
        "ids that are numbered within a thread are no repeats of those in other threads, and repeats within their own",
        arguments: ["event_id", "id"])
    func numberedWithinThread(member: String) throws {
        // All threads in one partition, which remembers the keys of them all.
        let up = try TidingsUp(configuration: "partitions: 1\n")
        func post() throws {
            try up.post(
                (0..<64).map {
                    [
                        "thread": .string("t\($0 % 8)"), "text": .string("number \($0 / 8)"),
                        member: .string(String(1 + $0 / 8)),
                    ]
                })
            try up.waitUntilIdle()
        }
        func published() throws -> [String] { try (0..<8).map { try up.redis("ZCARD", "feed.ids:{thread:t\($0)}") } }
        func dropped() throws -> Int {
            try up.status()["lanes"]?.array?.reduce(0) { $0 + ($1["reasons"]?["duplicate"]?.integer ?? 0) } ?? 0
        }
        try post()
        #expect(try published() == Array(repeating: "8", count: 8))
        #expect(try dropped() == 0)
        try post()
        #expect(try published() == Array(repeating: "8", count: 8))
        #expect(try dropped() == 64)
    }
}
