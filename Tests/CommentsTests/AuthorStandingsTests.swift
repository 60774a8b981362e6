import JSON
import Pipeline
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
        let flags = batch.map { standings.standing(of: $0.fields).isTooMany }
        #expect(flags == [false, true, false, false, false, true, false, true])
    }

    @Test("an author is banned by id or by name")
    func banned() throws {
        var standings = try AuthorStandings(of: batch)
        standings.setBanned([false, true, true, false])
        let flags = batch.map { standings.standing(of: $0.fields).isBanned }
        #expect(flags == [true, true, true, false, false, false, false, false])
    }

    @Test("a name without end is neither looked up nor counted in full")
    func longNames() throws {
        let standings = try AuthorStandings(of: [event(["author": .string(String(repeating: "x", count: 60_000))])])
        #expect(standings.labels.isEmpty)
        #expect(standings.counted.first?.account.utf8.count == 200)
    }
}
