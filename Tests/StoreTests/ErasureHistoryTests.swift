import Redis
import TestSupport
import Testing

@testable import Store

/// A person's comments leave the histories as their deletion would have them leave.
@Suite("erasure from histories")
struct ErasureHistoryTests {
    private let publisher: CommentPublisher
    private let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a"])
    private let person = Person(id: "42")
    private let deletion = #"{"thread":"42","id":"c","type":"comment.deleted","n":99}"#

    init() throws {
        publisher = try CommentPublisher()
    }

    private var library: TidingsLibrary { publisher.library }

    private func erase(_ id: String = "c", at places: [String: [String]] = [:]) throws -> ErasedComment {
        try library.call(
            .erase(
                Array("42\0\(id)".utf8), by: Array(deletion.replacing(#""c""#, with: #""\#(id)""#).utf8), at: places,
                partition: 0, of: layout))
    }

    private func found(_ feeds: String...) throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        var open = feeds.map { (name: "{\($0)}", cursor: "0") }
        while !open.isEmpty {
            let part = try library.call(.find(person, in: open))
            for feed in part.feeds { found[feed.name, default: []] += feed.items.map(\.number) }
            open =
                open.dropFirst(part.feeds.count) + part.feeds.filter { $0.cursor != "0" }.map { ($0.name, $0.cursor) }
        }
        return found.filter { !$0.value.isEmpty }.mapValues { $0.sorted() }
    }

    @Test("the deletion has a number in each channel, stands at the comment's place, and is announced")
    func comment() throws {
        try publisher.publish(.created(1, by: "u:42", "x", "y", text: "MARK"), .created(2, id: "d", "x"))
        try publisher.publish(.edited(3, by: "u:42", "x", text: "MARK"))
        let heard = try Announcements(
            ["feed.publish:{x}", "feed.edit:{x}", "feed.retract:{x}", "feed.publish:{y}", "feed.edit:{y}"],
            library: library)
        #expect(try erase() == ErasedComment(channels: 2, items: 4))
        #expect(try publisher.items("x") == [[1, 99], [2, 2], [4, 99]])
        #expect(try publisher.items("y") == [[1, 99], [3, 99]])
        #expect(
            try heard.first(5).sorted() == [
                "feed.edit:{x} 1|\(deletion)", "feed.edit:{y} 1|\(deletion)", "feed.publish:{x} 4|\(deletion)",
                "feed.publish:{y} 3|\(deletion)", "feed.retract:{x} 3",
            ])
        #expect(try !publisher.everything().contains("MARK") && !publisher.everything().contains("u:42"))
        #expect(try publisher.record()?.hasSuffix("-0-0 deleted app ") == true)
        // Again: there is nothing to find.
        #expect(try found("x", "y").isEmpty)
    }

    @Test("nothing that was on its way brings an erased comment back, whoever sent it")
    func resurrection() throws {
        try publisher.publish(.created(1, by: "u:42", "x", text: "MARK"))
        _ = try erase()
        // A worker that took its lane before has the event in hand, or an operator sends an old letter back.
        for change in [
            CommentPublisher.Change.edited(2, by: "u:42", "x", text: "MARK"), .edited(3, "x", text: "MARK"),
            .created(4, by: "u:42", "x", text: "MARK"),
        ] {
            try publisher.publish(change)
        }
        #expect(try !publisher.everything().contains("MARK"))
        #expect(try publisher.counters("dropped", "dropped:superseded") == [3, 3])
        #expect(try publisher.items() == [[1, 99], [2, 99]])
    }

    @Test("the record is newer than the lane that gives versions, and lives for a day at least")
    func version() throws {
        try publisher.publish(.created(1, by: "u:42", "x"))
        try library.redis.ask("HSET", TidingsLibrary.lane, "token", "9000000000000000")
        _ = try erase()
        #expect(try publisher.record()?.hasPrefix("9000000000000001-0-0 deleted app ") == true)
        #expect(try library.redis.ask("PTTL", "{t.0}:post:42\0c").integer ?? 0 > 86_000_000)
        let version = try library.call(.findVersion(of: Array("42\0c".utf8), partition: 0, of: layout))
        #expect(version == EventVersion(token: "9000000000000001", serial: 0, index: 0))
        #expect(try library.call(.findVersion(of: Array("42\0z".utf8), partition: 0, of: layout)) == nil)
    }

    @Test("a comment of which no record tells is found by its author, and all of its items go")
    func unrecorded() throws {
        let event = #"{"thread":"42","id":"c","author":{"id":42},"html":"MARK"}"#
        let escaped = #"{"thread":"42","\u0069d":"c","author":{"id":"\u0034\u0032"},"html":"MARK"}"#
        for text in [event, #"{"thread":"42","id":"d","author":{"id":7}}"#, escaped, event] {
            try library.redis.ask("FCALL", "tidings_publish", "0", "x", "100", "60000", text)
        }
        #expect(try found("x") == ["{x}": ["1", "3", "4"]])
        let heard = try Announcements(["feed.publish:{x}", "feed.edit:{x}", "feed.retract:{x}"], library: library)
        #expect(try erase(at: ["x": ["1", "3", "4"], "nowhere": ["1"]]) == ErasedComment(channels: 1, items: 3))
        #expect(try publisher.items() == [[1, 99], [2, 0], [5, 99]])
        #expect(
            try heard.first(4) == [
                "feed.publish:{x} 5|\(deletion)", "feed.edit:{x} 1|\(deletion)", "feed.retract:{x} 3",
                "feed.retract:{x} 4",
            ])
        #expect(try library.redis.ask("EXISTS", "feed.publishes:{nowhere}").integer == 0)
        #expect(try found("x").isEmpty)
    }

    @Test("a history keeps its own length and life, whoever erases")
    func length() throws {
        publisher.history = 3
        publisher.lifetime = 777_000
        try publisher.publish(.created(1, by: "u:42", "x"), .created(2, id: "d", "x"), .created(3, id: "e", "x"))
        _ = try erase()
        #expect(try publisher.items() == [[2, 2], [3, 3], [4, 99]])
        let config = try library.redis.ask("HMGET", "feed.config:{x}", "max_length", "ttl", "floor").line
        #expect(config == "[3, 777000, 1]")
    }

    @Test("records of a person's comments are found with an item, those without one are made a deletion's")
    func records() throws {
        try publisher.publish(.created(1, id: "a", by: "u:42", "x", text: "one"), .created(2, id: "b", by: "u:42", "y"))
        try publisher.publish(.created(3, id: "c", by: "u:7", "x"), .created(4, id: "d", by: "m:42", "x"))
        try library.redis.ask("HDEL", "feed.items:{y}", "1")
        var records: [String: String] = [:]
        var cursor = "0"
        repeat {
            let part = try library.call(.findKeys(of: person, pipeline: "t", from: cursor))
            for case .record(let key, let item) in part.found {
                records[key] = String(decoding: item ?? [], as: UTF8.self)
            }
            cursor = part.cursor
        } while cursor != "0"
        #expect(Set(records.keys) == ["a", "b", "d"].reduce(into: []) { $0.insert("{t.0}:post:42\0\($1)") })
        #expect(records["{t.0}:post:42\0a"]?.contains("one") == true && records["{t.0}:post:42\0b"] == "")
        let life = try library.redis.ask("PTTL", "{t.0}:post:42\0b").integer ?? 0
        #expect(try library.call(.eraseRecord("{t.0}:post:42\0b", of: person)) == 1)
        #expect(try library.call(.eraseRecord("{t.0}:post:42\0b", of: person)) == 0)
        #expect(try library.call(.eraseRecord("{t.0}:post:42\0c", of: person)) == 0)
        let record = try #require(try publisher.record("b"))
        #expect(record.hasSuffix("-0-0 deleted app "), "\(record)")
        let left = try library.redis.ask("PTTL", "{t.0}:post:42\0b").integer ?? 0
        #expect(left > 0 && left <= life)
    }

    @Test("a channel of which the newest state counts hears of the deletion, another comment's does not")
    func states() throws {
        let event = #"{"thread":"42","id":"c","author":{"id":42},"html":"MARK"}"#
        let other = #"{"thread":"7","id":"c","author":{"id":7}}"#
        for (channel, kept, text) in [("x", "100", event), ("post:c", "state", event), ("post:d", "state", other)] {
            try library.redis.ask("FCALL", "tidings_publish", "0", channel, kept, "60000", text)
        }
        let keys = try library.call(.findKeys(of: person, pipeline: "t", from: "0"))
        #expect(keys.found == [.state(channel: "post:c", event: Array(event.utf8))] && keys.cursor == "0")
        let heard = try Announcements(["feed.publish:{post:c}"], library: library)
        #expect(try erase(at: ["x": ["1"], "post:c": [], "post:d": []]) == ErasedComment(channels: 2, items: 1))
        #expect(try heard.first(1) == ["feed.publish:{post:c} 2|\(deletion)"])
        let state = try library.redis.ask("GET", "feed.state:{post:c}").text ?? ""
        #expect(state.hasSuffix(" 2 at \(try publisher.born()) 2 x"), "\(state)")
        #expect(try library.redis.ask("GET", "feed.state:{post:d}").text?.hasSuffix(" 1 is \(other)") == true)
        #expect(try !publisher.everything().contains("MARK"))
        #expect(try library.call(.findKeys(of: person, pipeline: "t", from: "0")).found == [])
    }

    @Test("items that name no comment are retracted")
    func nameless() throws {
        for number in 1...3 {
            try library.redis.ask(
                "FCALL", "tidings_publish", "0", "x", "100", "60000", #"{"author":{"id":42},"n":\#(number)}"#)
        }
        let heard = try Announcements(["feed.retract:{x}"], library: library)
        #expect(try library.call(.retract(["1", "3", "9"], from: "x")) == 2)
        #expect(try heard.first(2) == ["feed.retract:{x} 1", "feed.retract:{x} 3"])
        #expect(try publisher.items() == [[2, 2]])
    }

    @Test("the person's channel goes whole, and a position of it is known to have missed something")
    func channel() throws {
        try publisher.publish(.created(1, "user:42"), .created(2, id: "d", "user:421"))
        let born = try publisher.born("user:42")
        let heard = try Announcements(["delfeed"], library: library)
        #expect(try library.call(.eraseChannel("user:42")) == 1)
        #expect(try heard.first(1) == ["delfeed {user:42}|tidings"])
        #expect(try library.call(.eraseChannel("user:42")) == 0)
        #expect(try library.redis.ask("KEYS", "feed.*{user:42}").line == "[]")
        #expect(try library.redis.ask("SMEMBERS", "feeds").line == "[{user:421}]")
        #expect(try library.redis.ask("HGET", "feed.swept", "born").text == born)
    }

    @Test("a user who may not announce changes nothing")
    func rights() throws {
        try publisher.publish(.created(1, by: "u:42", "x", text: "MARK"))
        let before = try publisher.everything()
        try library.redis.ask(
            "ACL", "SETUSER", "weak", "on", "nopass", "~*", "+@all", "resetchannels", "&feed.publish:*", "&newfeed",
            "&conffeed", "&feed.retract:*")
        try library.redis.ask("AUTH", "weak", "any")
        #expect(throws: RedisError.self) { try erase() }
        try library.redis.ask("AUTH", "default", "any")
        let after = try publisher.everything()
        #expect(after == before, "before: \(before) after: \(after)")
    }
}
