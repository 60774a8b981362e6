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
    func questions() {
        let standings = AuthorStandings(of: batch)
        #expect(standings.labels == ["7", "Ann", "8", "Bob"])
        #expect(standings.accounts.map(\.account) == ["7", "8", "Bob"])
        #expect(standings.accounts.map(\.comments) == [3, 1, 1])
    }

    @Test("the comments of a batch are numbered from what the author had before")
    func counts() {
        var standings = AuthorStandings(of: batch)
        standings.setCounts([31, 1, 5])
        let numbers = batch.map { standings.standing(of: $0.fields).recentComments }
        #expect(numbers == [29, 1, 30, 0, 0, 5, 0, 31])
    }

    @Test("an author is banned by id or by name")
    func banned() {
        var standings = AuthorStandings(of: batch)
        standings.setBanned([false, true, true, false])
        let flags = batch.map { standings.standing(of: $0.fields).isBanned }
        #expect(flags == [true, true, true, false, false, false, false, false])
    }

    @Test("a name without end is neither looked up nor counted in full")
    func longNames() {
        let standings = AuthorStandings(of: [event(["author": .string(String(repeating: "x", count: 60_000))])])
        #expect(standings.labels.isEmpty)
        #expect(standings.accounts.first?.account.utf8.count == 200)
    }
}
