import Redis
import TestSupport
import Testing

/// The record of a comment: the newest version wins, in whatever order the versions come.
@Suite("the newest version of a comment")
struct RecordTests {
    private let library: TidingsLibrary
    private let token: String

    init() throws {
        library = try TidingsLibrary()
        token = try library.token(of: "w1")
    }

    private struct Change {
        var version: String
        var kind = "created"
        var post = "42\0c"
        var channel = "x"
    }

    /// Publishes events in one commit; each event's bytes are its version.
    private func publish(_ serial: Int, _ changes: [Change], lifetime: Int = 60_000) throws {
        let events = changes.map(\.version)
        try library.enqueue(events)
        var operations = ["change", "{t.0}:held:a", "{t.0}:post:", "\(lifetime)", "10", "\(changes.count)"]
        for change in changes { operations += ["go", change.post, change.version, change.kind, ""] }
        operations += ["publish", "100", "\(lifetime)", TidingsLibrary.dead, "10", "{t.0}:post:", "\(changes.count)"]
        // Both ways in turn: by the number of a change, and in one go.
        for (index, change) in changes.enumerated() {
            let isNew = change.kind == "created" && serial % 2 == 0
            operations += isNew ? [change.post, "\(change.version) created"] : ["\0\(index + 1)", ""]
            operations.append(change.version)
        }
        operations += ["\(changes.count)"]
        for (index, change) in changes.enumerated() { operations += [change.channel, "1", "\(index + 1)"] }
        #expect(try library.commit(token: token, serial: serial, events, operations) == "[OK]")
    }

    private func published(_ channel: String = "x") throws -> [String] {
        let ids = try library.redis.ask("ZRANGE", "feed.ids:{\(channel)}", "0", "-1").array?.compactMap(\.text) ?? []
        return try ids.map { try library.redis.ask("HGET", "feed.items:{\(channel)}", $0).text ?? "" }
    }

    private func born(_ channel: String = "x") throws -> String {
        try library.redis.ask("HGET", "feed.config:{\(channel)}", "born").text ?? ""
    }

    private func record(_ post: String = "42\0c") throws -> String? {
        try library.redis.ask("GET", "{t.0}:post:\(post)").text
    }

    @Test("an older version that comes late is dropped as superseded, and counted")
    func older() throws {
        try publish(1, [Change(version: "7-2-0", kind: "edited")])
        try publish(2, [Change(version: "7-1-0")])
        #expect(try published() == ["7-2-0"])
        #expect(try record() == "7-2-0 edited app {x}\(try born())-1")
        #expect(
            try ["in", "out", "dropped", "dropped:superseded", "emitted"].map { try library.counter($0) }
                == [2, 1, 1, 1, 1])
        #expect(try library.imbalance() == 0)
    }

    @Test("nothing of a comment is published after its deletion but what is newer")
    func deleted() throws {
        try publish(1, [Change(version: "7-5-0", kind: "deleted")])
        try publish(2, [Change(version: "7-1-0"), Change(version: "7-4-9", kind: "edited")])
        #expect(try published() == ["7-5-0"])
        try publish(3, [Change(version: "7-6-0")])
        #expect(try published() == ["7-6-0", "7-6-0"])
        #expect(try library.imbalance() == 0)
    }

    @Test(
        "versions are compared by token, then serial, then place, as numbers",
        arguments: [
            ("9-9-9", "10-1-0", false), ("10-1-0", "9-9-9", true), ("7-9-0", "7-10-0", false),
            ("7-10-0", "7-9-0", true), ("7-1-9", "7-1-10", false), ("7-1-10", "7-1-9", true),
            ("1795471274686744-1-0", "1795471274686745-1-0", false),
            ("1795471274686745-1-0", "1795471274686744-9-9", true),
        ])
    func compared(_ first: String, _ second: String, isSuperseded: Bool) throws {
        try publish(1, [Change(version: first)])
        try publish(2, [Change(version: second, kind: "edited")])
        #expect(try published() == (isSuperseded ? [first] : [second, second]))
    }

    @Test("the same version again is no older one: a letter of one channel is published there")
    func same() throws {
        try publish(1, [Change(version: "7-1-0"), Change(version: "7-1-0", channel: "y")])
        #expect(try published() == ["7-1-0"])
        #expect(try published("y") == ["7-1-0"])
    }

    @Test("of one batch too, the newest version wins")
    func batch() throws {
        try publish(
            1,
            [
                Change(version: "7-3-0", kind: "edited"), Change(version: "7-2-0", kind: "edited"),
                Change(version: "7-1-0", post: "43\0c"), Change(version: "7-4-0", kind: "deleted"),
            ])
        // The deletion stands in the place of the edit as well.
        #expect(try published() == ["7-4-0", "7-1-0", "7-4-0"])
        #expect(try library.counter("dropped:superseded") == 1)
        #expect(try library.imbalance() == 0)
    }

    @Test("one id in two conversations is two comments, also when the names are long")
    func conversations() throws {
        let long = String(repeating: "n", count: 190)
        try publish(1, [Change(version: "7-2-0", post: "\(long)1\0c"), Change(version: "7-2-0", post: "1\0\(long)")])
        try publish(2, [Change(version: "7-1-0", post: "\(long)2\0c"), Change(version: "7-1-0", post: "2\0\(long)")])
        try publish(3, [Change(version: "7-1-5", post: "\(long)1\0c"), Change(version: "7-1-5", post: "1\0\(long)")])
        #expect(try published() == ["7-2-0", "7-2-0", "7-1-0", "7-1-0"])
        let keys = try library.redis.ask("KEYS", "{t.0}:post:*").array?.compactMap(\.text) ?? []
        #expect(keys.count == 4)
        #expect(keys.allSatisfy { $0.utf8.count <= 80 })
    }

    @Test("a record expires with the histories, and is renewed by each version")
    func expiry() throws {
        try publish(1, [Change(version: "7-1-0")], lifetime: 50_000)
        let first = try library.redis.ask("PTTL", "{t.0}:post:42\0c").integer ?? 0
        #expect(first > 40_000 && first <= 50_000)
        try publish(2, [Change(version: "7-2-0", kind: "edited")], lifetime: 90_000)
        #expect(try library.redis.ask("PTTL", "{t.0}:post:42\0c").integer ?? 0 > 50_000)
        try publish(3, [Change(version: "7-3-0", kind: "edited")], lifetime: .max)
        #expect(try library.redis.ask("PTTL", "{t.0}:post:42\0c").integer ?? 0 > 1_000_000)
    }

    @Test("a superseded event makes no feed, and a foreign key in the place of a record is no obstacle")
    func nothing() throws {
        try library.redis.ask("RPUSH", "{t.0}:post:42\0c", "foreign")
        try publish(1, [Change(version: "7-2-0")])
        #expect(try record() == "7-2-0 created app {x}\(try born())-1")
        try publish(2, [Change(version: "7-1-0", channel: "y")])
        #expect(try library.redis.ask("KEYS", "feed.*{y}").line == "[]")
    }

    @Test("an event without a version is published, and leaves the record")
    func unversioned() throws {
        try publish(1, [Change(version: "7-2-0")])
        try library.enqueue(["old"])
        #expect(
            try library.commit(
                token: token, serial: 2, ["old"],
                ["publish", "100", "60000", TidingsLibrary.dead, "10", "{t.0}:post:", "1", "", "", "old"],
                ["1", "x", "1", "1", "count", "out", "1"]) == "[OK]")
        #expect(try published() == ["7-2-0", "old"])
        #expect(try record() == "7-2-0 created app {x}\(try born())-1")
    }

    @Test("the letter of a channel that could not be written has the event's version")
    func blocked() throws {
        try library.redis.ask("SET", "feed.items:{x}", "foreign")
        try library.enqueue([#"{"id":"c"}"#])
        #expect(
            try library.commit(
                token: token, serial: 1, [#"{"id":"c"}"#],
                ["change", "{t.0}:held:a", "{t.0}:post:", "60000", "10", "1", "go", "42\0c", "7-1-0", "created", ""],
                [
                    "publish", "100", "60000", TidingsLibrary.dead, "10", "{t.0}:post:", "1", "\u{0}1", "",
                    #"{"id":"c"}"#,
                ],
                ["1", "x", "1", "1"]) == "[OK]")
        let letter = try ParsedJSON(parsing: try #require(try library.list(TidingsLibrary.dead).first))
        #expect(letter["event"]?.string == #"{"_v":"7-1-0","channels":["x"],"id":"c"}"#)
        #expect(try library.redis.ask("KEYS", "feed.*{x}").line == "[feed.items:{x}]")
    }
}
