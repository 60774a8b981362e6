import JSON
import Pipeline
import Store
import Testing

@testable import Comments

@Suite("Standings of authors")
struct AuthorStandingsTests {
    private let batch: [Event] = [
        event(["author": ["id": 7, "name": "Ann"]]),
        event(["author": ["id": "8"]]),
        event(["author": ["id": "7", "name": "Ann"]]),
        event(["type": "comment.edited", "author": ["id": 7]]),
        event(["type": "comment.deleted", "author": ["id": 9]]),
        event(["author": "Bob"]),
        event(["text": "nobody"]),
        event(["author": ["id": 7]]),
    ]

    @Test("each author is asked for once, deletions not at all, and only new comments are counted")
    func questions() throws {
        let standings = try AuthorStandings(of: batch)
        #expect(standings.labels == ["7", "Ann", "8", "Bob"])
        #expect(standings.counted.map(\.account) == ["7", "8", "7", "Bob", "7"])
    }

    @Test("a comment is known again by its bytes, and by nothing else")
    func keys() throws {
        let batch = try [#"{"author":"Bob","n":1}"#, #"{"author":"Bob","n":2}"#, #"{"n":1,"author":"Bob"}"#].map(event)
        let keys = try AuthorStandings(of: batch).counted.map(\.key)
        #expect(Set(keys).count == 3)
        #expect(try AuthorStandings(of: Array(batch[1...])).counted.map(\.key) == Array(keys[1...]))
    }

    @Test("each counted comment gets the answer that was given for it")
    func excesses() throws {
        var standings = try AuthorStandings(of: batch)
        standings.setExcesses([false, true, false, true, true])
        let flags = batch.map { standings.standing(of: $0).isTooMany }
        #expect(flags == [false, true, false, false, false, true, false, true])
    }

    @Test("an author is banned by id or by name")
    func banned() throws {
        var standings = try AuthorStandings(of: batch)
        standings.setBanned([false, true, true, false])
        let flags = batch.map { standings.standing(of: $0).isBanned }
        #expect(flags == [true, true, true, false, false, false, false, false])
    }

    @Test("the person of a token is counted itself, whatever author it names")
    func senders() throws {
        let batch = try ["u:1", "m:1", "k:AAAAAAAAAAAAAAAAAAAAAA", "app"].enumerated().map { number, sender in
            let given = try event(#"{"author":{"id":"a\#(number)"},"n":\#(number)}"#)
            return Event(fields: given.fields, raw: given.raw, sender: try #require(Sender(sender)))
        }
        let standings = try AuthorStandings(of: batch)
        #expect(standings.counted.map(\.account) == ["u:1", "u:1", "a2", "a3"])
    }

    @Test("a name without end is neither looked up nor counted in full")
    func longNames() throws {
        let standings = try AuthorStandings(of: [event(["author": .string(String(repeating: "x", count: 60_000))])])
        #expect(standings.labels.isEmpty)
        #expect(standings.counted.first?.account.utf8.count == 200)
    }
}
