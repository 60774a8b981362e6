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
            let answer = try client.post("/v1/comments", body)
            #expect(answer.status == 202, "\(answer.text)")
            #expect(try ParsedJSON(parsing: answer.text)["ids"] == ["c-1"])
        }
        // What says something about the comment later is no repeat of it.
        let edit = #"{"thread":"t","id":"c-1","text":"hello!","type":"comment.edited"}"#
        #expect(try client.post("/v1/comments", edit).status == 202)
        try up.waitUntilIdle()
        #expect(try up.redis("ZCARD", "feed.ids:{thread:t}") == "2")
        let dropped = try up.status()["lanes"]?.array?.compactMap { $0["reasons"]?["duplicate"]?.integer } ?? []
        #expect(dropped.reduce(0, +) == 2)
    }
}
