import JSON
import Redis
import TestSupport
import Testing

@testable import Store

/// Edits and deletions rewrite the histories in which their comment stands.
@Suite("histories after edits and deletions")
struct RewritingTests {
    private let publisher: CommentPublisher

    init() throws {
        publisher = try CommentPublisher()
    }

    @Test("an edit stands at the comment's place and as the latest change; the change before is gone")
    func edits() throws {
        try publisher.publish(.created(1, "x"), .created(2, id: "d", "x"))
        try publisher.publish(.edited(3, "x"))
        #expect(try publisher.items() == [[1, 3], [2, 2], [3, 3]])
        try publisher.publish(.edited(4, "x"))
        #expect(try publisher.items() == [[1, 4], [2, 2], [4, 4]])
        try publisher.publish(.deleted(5, "x"))
        #expect(try publisher.items() == [[1, 5], [2, 2], [5, 5]])
        let born = try publisher.born()
        #expect(try publisher.record() == "7-5-0 deleted app {x}\(born)-1-5")
        #expect(try publisher.record("d") == "7-2-0 created app {x}\(born)-2")
        #expect(try publisher.library.imbalance() == 0)
    }

    @Test("what is replaced stands nowhere any more, also when all comes in one commit")
    func batch() throws {
        try publisher.publish(
            .created(1, "x", text: "MARK-1"), .edited(2, "x", text: "MARK-2"), .created(3, id: "d", "x"),
            .edited(4, "x", text: "MARK-4"))
        #expect(try publisher.items() == [[1, 4], [3, 3], [4, 4]])
        try publisher.publish(.edited(5, "x", text: "MARK-5"), .deleted(6, "x"), .deleted(7, id: "d", "x"))
        #expect(try publisher.items() == [[1, 6], [3, 7], [6, 6], [7, 7]])
        #expect(try !publisher.everything().contains("MARK"))
    }

    @Test("a change reaches the channels in which the comment stands and its own")
    func union() throws {
        try publisher.publish(.created(1, "x", "y"))
        try publisher.publish(.edited(2, "y", "z"))
        #expect(try publisher.items("x") == [[1, 2], [2, 2]])
        #expect(try publisher.items("y") == [[1, 2], [2, 2]])
        #expect(try publisher.items("z") == [[1, 2]])
        try publisher.publish(.deleted(3))
        #expect(try publisher.items("x") == [[1, 3], [3, 3]])
        #expect(try publisher.items("z") == [[1, 3], [2, 3]])
        // In one commit as well.
        try publisher.publish(.created(4, id: "d", "x"), .created(5, id: "e", "y"), .deleted(6, id: "d", "z"))
        #expect(try publisher.items("x").suffix(2) == [[4, 6], [5, 6]])
        #expect(try publisher.items("z").suffix(1) == [[3, 6]])
        #expect(try publisher.counters("dropped") == [0])
    }

    @Test("a comment that has fallen off the history is rewritten where it is left")
    func fallenOff() throws {
        publisher.history = 3
        try publisher.publish(.created(1, "x"))
        try publisher.publish(.created(2, id: "d", "x"), .created(3, id: "e", "x"), .edited(4, "x"))
        // Its place was cut off by the same call.
        #expect(try publisher.items() == [[2, 2], [3, 3], [4, 4]])
        try publisher.publish(.edited(5, "x"))
        #expect(try publisher.items() == [[3, 3], [4, 5], [5, 5]])
        #expect(try publisher.record() == "7-5-0 edited app {x}\(try publisher.born())-4-5")
    }

    @Test("a feed that was removed and born again has the comment no more, and hears of no change of it")
    func bornAgain() throws {
        try publisher.publish(.created(1, "x", "y"))
        for channel in ["x", "y"] {
            try publisher.library.redis.ask("HSET", "feed.config:{\(channel)}", "ttl", "1")
            try publisher.library.redis.ask("ZADD", "feed.ids:{\(channel)}", "1", "1")
        }
        var cursor = "0"
        repeat {
            cursor =
                try publisher.library.redis.ask("FCALL", "tidings_sweep", "0", cursor, "1").array?.first?.text ?? "0"
        } while cursor != "0"
        try publisher.publish(.created(2, id: "d", "x"))
        try publisher.publish(.edited(3, "z"))
        #expect(try publisher.items("x") == [[1, 2]])
        #expect(try publisher.items("y") == [])
        #expect(try publisher.items("z") == [[1, 3]])
        #expect(try publisher.library.redis.ask("EXISTS", "feed.config:{y}").integer == 0)
        // In a feed of its own it is new.
        try publisher.publish(.deleted(4, "x"))
        #expect(try publisher.items("x") == [[1, 2], [2, 4]])
    }

    @Test("an item that another client has retracted does not come back")
    func retracted() throws {
        try publisher.publish(.created(1, "x"), .created(2, id: "d", "x"))
        try publisher.library.redis.ask("ZREM", "feed.ids:{x}", "1")
        try publisher.library.redis.ask("HDEL", "feed.items:{x}", "1")
        try publisher.publish(.edited(3, "x"))
        #expect(try publisher.items() == [[2, 2], [3, 3]])
    }

    @Test("where nobody knows where the comment stands, the histories of the event's channels are searched")
    func search() throws {
        try publisher.publish(
            .created(1, "x", "y", text: "MARK"), .created(2, id: "d", "x"), .created(3, id: "c2", "x"))
        try publisher.publish(.edited(4, "x", "y", text: "MARK"))
        // As a library before version 13 left it, and as it is when the record has expired.
        for left in ["7-4-0 edited", nil] {
            let post = "{t.0}:post:42\0c"
            if let left {
                try publisher.library.redis.ask("SET", post, left)
            } else {
                try publisher.library.redis.ask("DEL", post)
            }
            let number = left == nil ? 6 : 5
            try publisher.publish(.edited(number, "x", "y", text: "MARK"))
            #expect(
                try publisher.items("x") == [[1, Int64(number)], [2, 2], [3, 3], [Int64(number), Int64(number)]])
            #expect(try publisher.items("y").count == 2)
        }
        try publisher.library.redis.ask("DEL", "{t.0}:post:42\0c")
        try publisher.publish(.deleted(7, "x", "y"))
        #expect(try !publisher.everything().contains("MARK"))
    }

    /// Creates a comment whose record is gone when it is created again. `before`: what happens in between.
    private func createAgain(by sender: String, author: String = "", before: () throws -> Void = {}) throws {
        var comment = CommentPublisher.Change.created(1, by: sender, "x", text: "MARK-1")
        comment.author = author
        try publisher.publish(comment, .created(2, id: "d", "x"))
        try publisher.library.redis.ask("DEL", "{t.0}:post:42\0c")
        try before()
        try publisher.publish(.created(3, by: sender, "x", text: "MARK-3"), .created(4, id: "e", "x"))
    }

    @Test(
        "a change removes what an earlier record of the comment knew, as far as it is the sender's",
        arguments: [
            ("app", "", true), ("m:1", "u:2", true), ("u:a \"b", "a \\\"b", true), ("u:1", "2", false),
            ("u:1", "", false), ("k:AAAAAAAAAAAAAAAAAAAAAA", "", false),
        ])
    func createdAgain(_ sender: String, _ author: String, _ isTheirs: Bool) throws {
        try createAgain(by: sender, author: author) {
            // Long ago, as it is where the record has expired.
            try publisher.library.redis.ask("ZADD", "feed.ids:{x}", "1", "1", "2", "2")
        }
        // Nothing is known of the first one: it is left alone until somebody changes the second.
        #expect(try publisher.items() == [[1, 1], [2, 2], [3, 3], [4, 4]])
        try publisher.publish(.edited(5, by: sender, "x", text: "MARK-5"))
        #expect(try publisher.items() == (isTheirs ? [] : [[1, 1]]) + [[2, 2], [3, 5], [4, 4], [5, 5]])
        // Later too, when the web app says so.
        try publisher.publish(.deleted(6, "x"))
        #expect(try publisher.items() == [[2, 2], [3, 6], [4, 4], [6, 6]])
        #expect(try !publisher.everything().contains("MARK"))
    }

    @Test("records that were written for a shorter time are thought of when the time is longer now")
    func longerLife() throws {
        publisher.lifetime = 900
        try createAgain(by: "app") { publisher.lifetime = 60_000 }
        publisher.lifetime = 50_000
        try publisher.publish(.edited(5, "x"))
        #expect(try publisher.items() == [[2, 2], [3, 5], [4, 4], [5, 5]])
    }

    @Test("what is younger than the life of a record is not looked at")
    func notLookedAt() throws {
        try createAgain(by: "app")
        try publisher.publish(.edited(5, "x"))
        #expect(try publisher.items() == [[1, 1], [2, 2], [3, 5], [4, 4], [5, 5]])
    }

    @Test(
        "the search compares conversation and id, whatever characters they have",
        arguments: ["a\\\"b", "é", "7", "a b"])
    func searchNames(_ id: String) throws {
        try publisher.publish(.created(1, id: id, "x"), .created(2, id: "other", "x"))
        for key in try publisher.library.redis.ask("KEYS", "{t.0}:post:*").array ?? [] {
            try publisher.library.redis.ask("DEL", key.text ?? "")
        }
        var elsewhere = CommentPublisher.Change.deleted(3, id: id, "x")
        elsewhere.thread = "43"
        try publisher.publish(elsewhere)
        #expect(try publisher.items() == [[1, 1], [2, 2], [3, 3]])
        try publisher.publish(.deleted(4, id: id, "x"))
        #expect(try publisher.items() == [[1, 4], [2, 2], [3, 3], [4, 4]])
    }

    @Test("Thoonk clients are told after all publications of the commit: edits at the place, then retractions")
    func announcements() throws {
        let heard = try Announcements(
            ["feed.publish:{x}", "feed.edit:{x}", "feed.retract:{x}", "feed.edit:{y}"], library: publisher.library)
        try publisher.publish(.created(1, "x"))
        try publisher.publish(.edited(2, "x"))
        try publisher.publish(.deleted(3, "x"))
        let (edit, deletion) = (CommentPublisher.Change.edited(2).event, CommentPublisher.Change.deleted(3).event)
        #expect(
            try heard.first(6) == [
                "feed.publish:{x} 1|" + CommentPublisher.Change.created(1).event, "feed.publish:{x} 2|" + edit,
                "feed.edit:{x} 1|" + edit, "feed.publish:{x} 3|" + deletion, "feed.edit:{x} 1|" + deletion,
                "feed.retract:{x} 2",
            ])
    }

    @Test(
        "a channel whose feed is a foreign key gets a dead letter, by which the change comes there once when it is retried"
    )
    func foreign() throws {
        try publisher.publish(.created(1, by: "u:1", "x", "y"))
        try publisher.library.redis.ask("RENAME", "feed.items:{y}", "aside")
        try publisher.library.redis.ask("SET", "feed.items:{y}", "foreign")
        try publisher.publish(.edited(2, by: "u:1", "x"))
        #expect(try publisher.items("x") == [[1, 2], [2, 2]])
        let letters = try publisher.library.list("{t.0}:dead:a").map { try ParsedJSON(parsing: $0) }
        #expect(letters.count == 1)
        #expect(
            letters[0]["event"]?.string
                == #"{"_v":"7-2-0","_by":"u:1","channels":["y"],"# + CommentPublisher.Change.edited(2).event.dropFirst()
        )
        try publisher.library.redis.ask("RENAME", "aside", "feed.items:{y}")
        // The letter names its channel; the same version again goes nowhere else.
        try publisher.publish(.edited(2, by: "u:1", "y"))
        #expect(try publisher.items("y") == [[1, 2], [2, 2]])
        #expect(try publisher.items("x") == [[1, 2], [2, 2]])
    }

    @Test("without the right to announce edits nothing of a change is written")
    func rights() throws {
        try publisher.publish(.created(1, "x"))
        try publisher.library.redis.ask(
            "ACL", "SETUSER", "default", "resetchannels", "&newfeed", "&conffeed", "&feed.publish:*", "&feed.retract:*")
        let before = try publisher.library.redis.dump()
        let error = #expect(throws: RedisError.self) { try publisher.publish(.edited(2, "x")) }
        #expect(error?.message.contains("PUBLISH on feed.edit:{x}") == true)
        try publisher.library.redis.ask("LPOP", TidingsLibrary.queue)
        try publisher.library.redis.ask("HINCRBY", TidingsLibrary.lane, "in", "-1")
        #expect(try publisher.library.redis.dump() == before)
        // New comments need no such right.
        try publisher.publish(.created(3, id: "d", "x"))
        try publisher.library.redis.ask("ACL", "SETUSER", "default", "allchannels")
    }

    @Test("a change reaches eight channels and its own: from the others the comment is deleted")
    func leaves() throws {
        for number in 1...3 {
            var change = CommentPublisher.Change.edited(number, text: "MARK-\(number)")
            change.kind = number == 1 ? "created" : "edited"
            change.channels = ["x"] + (0..<4).map { "x\(number)\($0)" }
            try publisher.publish([change])
        }
        // After two, nine channels were reached: the last that it came to is left, and three more for the third edit's.
        #expect(try publisher.items("x10") == [[1, 3], [3, 3]])
        #expect(try publisher.items("x30") == [[1, 3]])
        let left = #"{"id":"c","thread":"42","type":"comment.deleted"}"#
        for channel in ["x13", "x20", "x23"] {
            let items = try publisher.rawItems(channel)
            #expect(items.count == 2, "\(channel)")
            for item in items {
                #expect(
                    try ParsedJSON(parsing: item.event).object == ParsedJSON(parsing: left).object, "\(channel)")
            }
        }
        let record = try #require(try publisher.record())
        #expect(record.split(separator: "{").count - 1 == 8)
        #expect(!record.contains("{x13}"))
        #expect(try !publisher.everything().contains("MARK-1") && !publisher.everything().contains("MARK-2"))
        // What has left hears nothing more.
        try publisher.publish(.deleted(4))
        #expect(try publisher.items("x13").count == 2)
        #expect(try publisher.items("x10") == [[1, 4], [4, 4]])
        #expect(try publisher.library.imbalance() == 0)
    }

    @Test("a change that names more than 64 channels is dropped")
    func places() throws {
        try publisher.publish(.created(1, "x"))
        for (number, count) in [(2, 65), (3, 64)] {
            var change = CommentPublisher.Change.edited(number)
            change.channels = (0..<count).map { "x\($0)" }
            try publisher.publish([change])
        }
        #expect(try publisher.counters("dropped:too_many_channels") == [1])
        #expect(try publisher.record()?.hasPrefix("7-3-0 edited app {x0}") == true)
        try publisher.publish(.deleted(4))
        #expect(try publisher.items("x63").count == 2)
        #expect(try publisher.library.imbalance() == 0)
    }

    @Test("a long change reaches only its own channels, a comment that comes back to a channel is new there")
    func longChange() throws {
        try publisher.publish(.created(1, id: "<c", "x", "y", text: "MARK"))
        try publisher.publish(.edited(2, id: "<c", "x", text: String(repeating: "a", count: 17_000)))
        #expect(try publisher.items("x") == [[1, 2], [2, 2]])
        let items = try publisher.rawItems("y")
        #expect(items.map(\.number) == [1, 2])
        #expect(items.allSatisfy { $0.event.contains(#""id":"\u003cc""#) && $0.event.contains("comment.deleted") })
        try publisher.publish(.edited(3, id: "<c", "y"))
        #expect(try publisher.items("y").suffix(1) == [[3, 3]])
    }

    @Test("in one commit too a comment leaves, and comes back by what comes later")
    func leavesInOneCommit() throws {
        let long = String(repeating: "a", count: 17_000)
        try publisher.publish(
            .created(1, "x", "y", "z", text: "MARK"), .edited(2, "x", text: long), .edited(3, "y"))
        #expect(try publisher.items("x") == [[1, 3], [3, 3]])
        #expect(try publisher.items("y") == [[1, 3], [3, 3]])
        #expect(try publisher.rawItems("z").map(\.number) == [1, 2])
        #expect(try !publisher.everything().contains("MARK"))
        let record = try #require(try publisher.record())
        #expect(record.contains("{x}") && record.contains("{y}") && !record.contains("{z}"))
    }

    @Test("a deletion of a comment that stands nowhere, and names no channel, is dropped")
    func nowhere() throws {
        try publisher.publish(.deleted(1))
        #expect(try publisher.counters("dropped:no_channel") == [1])
        #expect(try publisher.library.imbalance() == 0)
    }
}

/// Only the owner, the app and moderators change a comment.
@Suite("whose comment it is")
struct OwnerTests {
    private let publisher: CommentPublisher

    init() throws {
        publisher = try CommentPublisher()
    }

    @Test(
        "an edit, a deletion, or a new comment under a known id counts only from its owner, the app or a moderator",
        arguments: [
            ("u:1", "u:1", true), ("u:1", "u:2", false), ("u:1", "m:2", true), ("u:1", "app", true),
            ("m:1", "u:1", true), ("app", "u:1", false), ("app", "m:1", true),
            ("k:AAAAAAAAAAAAAAAAAAAAAA", "u:1", false),
            ("k:AAAAAAAAAAAAAAAAAAAAAA", "k:AAAAAAAAAAAAAAAAAAAAAA", true),
            ("k:AAAAAAAAAAAAAAAAAAAAAA", "k:BBBBBBBBBBBBBBBBBBBBBB", false), ("u:a b", "u:a b", true),
        ], ["created", "edited", "deleted"])
    func rule(_ senders: (String, String, Bool), _ kind: String) throws {
        let (owner, sender, counts) = senders
        try publisher.publish(.created(1, by: owner, "x"))
        try publisher.publish([.init(kind: kind, number: 2, by: sender)])
        #expect(try publisher.items() == (counts ? [[1, 2], [2, 2]] : [[1, 1]]))
        #expect(try publisher.counters("dropped:not-yours", "dropped") == (counts ? [0, 0] : [1, 1]))
        #expect(try publisher.library.imbalance() == 0)
        // A moderator and the app change nothing about whose it is, unless they write it anew.
        let own = try #require(Sender(kind == "created" && counts ? sender : owner))
        let word = own.owner.replacing(" ", with: #"\u0020"#)
        #expect(try publisher.record()?.split(separator: " ")[2] == word[...])
    }

    @Test("of a comment that nobody knows only the app and moderators speak")
    func unknown() throws {
        try publisher.publish(.edited(1, by: "u:1", "x"), .deleted(2, by: "u:1", "x"))
        #expect(try publisher.items() == [])
        #expect(try publisher.counters("dropped:not-yours") == [2])
        try publisher.publish(.edited(3, by: "m:1", "x"))
        try publisher.publish(.edited(4, by: "u:1", "x"))
        #expect(try publisher.items() == [[1, 3]])
        #expect(try publisher.record()?.hasPrefix("7-3-0 edited app ") == true)
    }

    @Test("in one commit too, a stranger changes nothing, and what he names is not reached")
    func batch() throws {
        try publisher.publish(
            .created(1, by: "u:1", "x"), .created(2, by: "u:2", "y"), .edited(3, by: "u:2", "z"), .deleted(4, by: "u:1")
        )
        #expect(try publisher.items() == [[1, 4], [2, 4]])
        #expect(try publisher.items("y") == [])
        #expect(try publisher.library.redis.ask("EXISTS", "feed.config:{y}", "feed.config:{z}").integer == 0)
    }

    @Test("an older version is superseded, whoever sends it")
    func superseded() throws {
        try publisher.publish(.created(5, by: "u:1", "x"))
        try publisher.publish(.edited(4, by: "u:2", "x"), .edited(3, by: "u:1", "x"))
        #expect(try publisher.counters("dropped:superseded", "dropped:not-yours") == [2, 0])
    }

    @Test("a record of a library before version 13 is the web app's")
    func former() throws {
        try publisher.publish(.created(1, "x"))
        try publisher.library.redis.ask("SET", "{t.0}:post:42\0c", "7-1-0 created")
        try publisher.publish(.edited(2, by: "u:1", "x"))
        try publisher.publish(.edited(3, "x"))
        #expect(try publisher.items() == [[1, 3], [2, 3]])
    }
}
