import Redis
import TestSupport
import Testing

@testable import Store

/// A conversation takes no comments from the event that closes it to the one that opens it.
@Suite("closed conversations")
struct ClosingTests {
    private let publisher: CommentPublisher
    private let owner = "u:1"

    init() throws {
        publisher = try CommentPublisher()
    }

    private func closed() throws -> [String] {
        try publisher.library.redis.ask("HKEYS", "{t.0}:closed").array?.compactMap(\.text) ?? []
    }

    private func field(_ channel: String = "thread:42") throws -> String? {
        try publisher.library.redis.ask("HGET", "feed.config:{\(channel)}", "closed").text
    }

    /// The third fact of `tidings_history`.
    private func isSaidClosed(_ channel: String = "thread:42") throws -> Bool {
        let answer = try publisher.library.redis.ask(
            "FCALL_RO", "tidings_history", "1", "{t.0}:epoch", channel, "0", "10", "65536", "2")
        return answer.array?[7].text == "1"
    }

    @Test("what was before the closing is published, what is behind it is dropped, and after the opening it goes on")
    func order() throws {
        let channel = "thread:42"
        try publisher.publish(
            .created(1, by: owner, channel), .conversation(.closed, 2, channel, "forum:m"),
            .created(3, id: "d", channel))
        #expect(try publisher.items(channel) == [[1, 1], [2, 2]])
        #expect(try publisher.counters("dropped", "dropped:closed", "out", "emitted") == [1, 1, 2, 3])
        #expect(try closed() == ["42"])
        #expect(try field() == "1" && isSaidClosed())
        // Other conversations are open, and a forum has more than one.
        #expect(try field("forum:m") == nil && !isSaidClosed("forum:m"))
        try publisher.publish(.created(4, id: "d", channel))
        var other = CommentPublisher.Change.created(5, id: "o", "thread:43")
        other.thread = "43"
        try publisher.publish([other])
        #expect(try publisher.items("thread:43") == [[1, 5]])
        try publisher.publish(
            .created(6, id: "d", channel), .conversation(.opened, 7, channel), .created(8, id: "d", channel))
        #expect(try publisher.items(channel) == [[1, 1], [2, 2], [3, 7], [4, 8]])
        #expect(try publisher.counters("dropped:closed") == [3])
        #expect(try closed() == [] && field() == nil && !isSaidClosed())
        #expect(try publisher.library.imbalance() == 0)
    }

    @Test("a batch that closes a conversation may reach channels without a history")
    func states() throws {
        try publisher.publish(
            .created(1, by: owner, "thread:42", "post:a"), .conversation(.closed, 2, "thread:42"),
            .created(3, id: "d", "thread:42", "post:d"))
        #expect(try publisher.items("thread:42") == [[1, 1], [2, 2]])
        #expect(try publisher.library.redis.ask("EXISTS", "feed.state:{post:a}").line == "1")
        #expect(try publisher.library.redis.ask("EXISTS", "feed.state:{post:d}").line == "0")
        #expect(try field() == "1")
    }

    @Test("in a closed conversation the app and moderators edit, the owner deletes, and nobody writes anything new")
    func rights() throws {
        let channel = "thread:42"
        try publisher.publish(
            .created(1, id: "a", by: owner, channel), .created(2, id: "b", by: owner, channel),
            .conversation(.closed, 3, channel))
        for (number, sender) in [(4, "app"), (5, "m:9"), (6, owner), (7, "k:0123456789012345678901")] {
            try publisher.publish(.created(number, id: "new \(number)", by: sender, channel))
        }
        #expect(try publisher.counters("dropped:closed") == [4])
        try publisher.publish(.edited(8, id: "a", by: owner, channel))
        // Whoever may not change a comment at all is told that.
        try publisher.publish(.edited(9, id: "a", by: "u:2", channel), .deleted(10, id: "b", by: "u:2", channel))
        #expect(try publisher.counters("dropped:closed", "dropped:not-yours") == [5, 2])
        #expect(try publisher.items(channel) == [[1, 1], [2, 2], [3, 3]])
        try publisher.publish(.edited(11, id: "a", channel), .edited(12, id: "a", by: "m:9", channel))
        try publisher.publish(.deleted(13, id: "b", by: owner, channel))
        #expect(try publisher.items(channel) == [[1, 12], [2, 13], [3, 3], [5, 12], [6, 13]])
        // The app writes under a known id: that is new as well.
        try publisher.publish(.created(14, id: "a", channel))
        #expect(try publisher.counters("dropped:closed", "dropped") == [6, 8])
        #expect(try publisher.library.imbalance() == 0)
    }

    @Test("the time since which a conversation is closed is that of its first closing; no channel is needed")
    func time() throws {
        try publisher.publish(.conversation(.closed, 1))
        let since = try publisher.library.redis.ask("HGET", "{t.0}:closed", "42").text
        #expect(try #require(since.flatMap { Int64($0) }) > 1_700_000_000_000)
        try publisher.library.redis.ask("HSET", "{t.0}:closed", "42", "77")
        try publisher.publish(.conversation(.closed, 2, "thread:42"))
        #expect(try publisher.library.redis.ask("HGET", "{t.0}:closed", "42").text == "77")
        #expect(try field() == "1")
        try publisher.publish(.conversation(.opened, 3), .conversation(.closed, 4))
        #expect(try publisher.library.redis.ask("HGET", "{t.0}:closed", "42").text != "77")
    }

    @Test("a feed that is born while its conversation is closed says so, and one that nobody opened is put right")
    func feedField() throws {
        try publisher.publish(.created(1, by: owner, "x"), .conversation(.closed, 2, "x"))
        #expect(try field() == nil)
        try publisher.publish(.deleted(3, by: owner, "thread:42"))
        #expect(try field() == "1")
        // Somebody has opened all by hand.
        try publisher.library.redis.ask("DEL", "{t.0}:closed")
        try publisher.publish(.created(4, id: "d", "thread:42"))
        #expect(try field() == nil)
    }

    @Test("a foreign key in place of the closed conversations changes nothing and loses nothing")
    func foreign() throws {
        let redis = publisher.library.redis
        try redis.ask("SET", "{t.0}:closed", "x")
        try publisher.library.enqueue([#"{"n":0}"#])
        let before = try redis.dump()
        let error = #expect(throws: RedisError.self) {
            try publisher.library.call(
                .enqueue(
                    [0: [Array("{}".utf8)]], ifOpen: [0: ["42"]], for: "a",
                    of: PipelineLayout(name: "t", partitions: 1, stages: ["a"]), limit: 0))
        }
        #expect(error?.code == .wrongType)
        #expect(try redis.dump() == before)
        try redis.ask("DEL", "{t.0}:queue:a")
        #expect(throws: RedisError.self) { try publisher.publish(.created(1, "thread:42")) }
        #expect(try publisher.items("thread:42") == [])
    }

    @Test("a call that names a closed conversation takes nothing, and says which one it is")
    func enqueue() throws {
        let library = try TidingsLibrary(partitions: 2)
        let layout = PipelineLayout(name: "t", partitions: 2, stages: ["a", "b"])
        try library.redis.ask("HSET", "{t.1}:closed", "gone", "5")
        func enqueue(_ conversations: [Int: Set<String>], limit: Int = 0) throws -> EnqueueAnswer {
            try library.call(
                .enqueue(
                    [0: [Array("x".utf8)], 1: [Array("y".utf8), Array("z".utf8)]], ifOpen: conversations, for: "a",
                    of: layout, limit: limit))
        }
        let many = Set((0..<2500).map { "thread \($0)" })
        #expect(try enqueue([0: many, 1: many.union(["gone"])]) == .closed(conversation: "gone"))
        #expect(try enqueue([1: ["gone"]]) == .closed(conversation: "gone"))
        #expect(try library.redis.ask("EXISTS", "{t.0}:queue:a", "{t.1}:queue:a", "{t.0}:lane:a").integer == 0)
        // In another partition it is another one.
        #expect(try enqueue([0: many.union(["gone"]), 1: many]) == .done)
        #expect(try enqueue([:]) == .done)
        #expect(try library.redis.ask("LLEN", "{t.1}:queue:a").integer == 4)
        // A full queue is no news for somebody who cannot write at all.
        #expect(try enqueue([1: ["gone"]], limit: 1) == .closed(conversation: "gone"))
        #expect(try enqueue([:], limit: 1) == .full(queue: "{t.0}:queue:a", length: 2))
    }

    @Test("closed conversations move with the number of partitions", arguments: [(8, 3), (3, 8), (1, 1024)])
    func shape(_ before: Int, _ after: Int) throws {
        let library = try TidingsLibrary(partitions: before)
        let names = (0..<3000).map { "thread \($0) ä\u{7f}" } + ["", "42", "123456789"]
        var layout = PipelineLayout(name: "t", partitions: before, stages: ["a", "b"])
        for name in names { try library.redis.ask("HSET", layout.closed(layout.partition(of: name)), name, "7") }
        for partitions in [after, before] {
            #expect(try library.hello(partitions: partitions).hasPrefix("[OK"))
            layout = PipelineLayout(name: "t", partitions: partitions, stages: ["a", "b"])
            var found: Set<String> = []
            for partition in 0..<1024 {
                for name in try library.redis.ask("HKEYS", "{t.\(partition)}:closed").array?.compactMap(\.text) ?? [] {
                    #expect(layout.partition(of: name) == partition, "\(name)")
                    found.insert(name)
                }
            }
            #expect(found == Set(names))
            #expect(try library.call("stats", ["t"]).contains("\"closed\":\(names.count)"))
        }
        // Stages alone move nothing; a foreign key stops the change.
        #expect(try library.hello(partitions: before, stages: "a").hasPrefix("[OK"))
        try library.redis.ask("SET", "{t.\(max(before, after) - 1)}:closed", "x")
        let dump = try library.redis.dump()
        #expect(throws: RedisError.self) { try library.hello(partitions: after, stages: "a") }
        #expect(try library.redis.dump() == dump)
    }
}
