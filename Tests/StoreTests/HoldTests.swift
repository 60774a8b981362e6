import JSON
import Redis
import TestSupport
import Testing

@testable import Store

/// A held comment, and what becomes of it when it is edited or deleted.
@Suite("later events of a held comment")
struct HoldTests {
    private let library: TidingsLibrary
    private let token: String
    private let parser = JSONParser(maxBytes: 1 << 20)
    private let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a", "b"])
    private let lane = LaneID(stage: "a", partition: 0)
    private let next = LaneID(stage: "b", partition: 0)
    private var cap = 100

    init() throws {
        library = try TidingsLibrary()
        token = try library.token(of: "w1")
    }

    private struct Change {
        let verdict: Commit.Change.Verdict
        let kind: String
        let number: Int
        var thread = "42"
        var by = "app"
        var job = ""

        static func hold(_ kind: String, _ number: Int, thread: String = "42", by: String = "app") -> Change {
            Change(verdict: .hold, kind: kind, number: number, thread: thread, by: by)
        }

        static func go(_ kind: String, _ number: Int, thread: String = "42", by: String = "app") -> Change {
            Change(verdict: .go, kind: kind, number: number, thread: thread, by: by)
        }

        var version: String { "7-\(number)-0" }
        var event: String { #"{"thread":"\#(thread)","id":"c","type":"comment.\#(kind)","n":\#(number)}"# }
        var stamped: String {
            #"{\#(job)"_v":"\#(version)",\#(by == "app" ? "" : #""_by":"\#(by)","#)\#(event.dropFirst())"#
        }
    }

    /// One commit of the lane `a`: what is to be held and what goes on to `b`.
    private func commit(_ serial: Int, _ changes: [Change], forgotten: Int64 = 0) throws {
        try library.enqueue(changes.map(\.event))
        var commit = Commit(
            lane: lane, token: token, serial: serial, taking: changes.map { Array($0.event.utf8) }[...], lease: 60_000)
        var operation = Commit.Changes(heldEvents: cap, lifetime: 60_000)
        var pushed: [[UInt8]] = []
        for (place, change) in changes.enumerated() {
            let raw = Array(change.stamped.utf8)
            let letter = SetAsideEvent(
                id: "a.0-\(token)-\(serial)-\(place)", stage: "a", reason: "reason \(change.number)", attempts: 1,
                time: Int64(change.number), event: raw
            ).encoded(with: parser)
            operation.list.append(
                Commit.Change(
                    change.verdict, try #require(CommentChange(of: try parser.parseObject(Array(change.event.utf8)))),
                    EventVersion(token: "7", serial: change.number, index: 0), by: try #require(Sender(change.by)),
                    text: change.verdict == .hold ? letter : raw))
            if change.verdict == .go { pushed.append(Commit.Change.reference(place)) }
        }
        commit.operations = [.change(operation)]
        if !pushed.isEmpty { commit.operations.append(.push(to: next, limit: 0, pushed)) }
        #expect(try library.call(.commit(commit, of: layout)) == .done(forgotten: forgotten))
        #expect(try library.imbalance() == 0)
        #expect(try library.imbalance(stage: "b") == 0)
    }

    private var held: [ParsedJSON] {
        get throws { try library.list("{t.0}:held:a").map { try ParsedJSON(parsing: $0) } }
    }

    private func counters(_ names: String...) throws -> [Int64] { try names.map { try library.counter($0) } }

    private func waiting() throws -> [String] { try library.list(TidingsLibrary.next) }

    private func holds() throws -> String {
        try library.redis.ask("HVALS", "{t.0}:holds:a").line
    }

    private func approve(_ letter: Int = 0) throws {
        let raw = try library.list("{t.0}:held:a")[letter]
        let content = SetAsideEvent(try parser.parseObject(Array(raw.utf8)))
        #expect(
            try library.call(
                .moveSetAside(.held, from: lane, to: next, of: layout, [(Array(raw.utf8), content.event)])) == 1)
    }

    @Test("an edit takes the place of what is held, under its id, and is published as the comment's creation")
    func edit() throws {
        try commit(1, [.hold("created", 1, thread: "1"), .hold("created", 2), .hold("created", 3, thread: "3")])
        try commit(2, [.go("edited", 4)])
        #expect(try waiting() == [])
        let letters = try held
        #expect(letters.map { $0["event"]?["n"] } == [1, 4, 3])
        #expect(letters[1]["id"]?.string == "a.0-\(token)-1-1")
        #expect(letters[1]["error"] == "Before its last edit: reason 2")
        try commit(3, [.go("edited", 5)])
        #expect(try held[1]["error"] == "Before its last edit: reason 2")
        #expect(try counters("held", "held:superseded", "dropped", "out") == [5, 2, 0, 0])

        try approve(1)
        let event = try #require(try waiting().first)
        #expect(event == #"{"_v":"7-5-0 created","thread":"42","id":"c","type":"comment.edited","n":5}"#)
        #expect(try holds() == "[7-1-0 created a.0-\(token)-1-0 app, 7-3-0 created a.0-\(token)-1-2 app]")
        // Nothing is held any more: the next edit goes its way.
        try commit(4, [.go("edited", 6)])
        #expect(try waiting().count == 2)
    }

    @Test("an edit that is to be held itself brings its own reason")
    func suspicious() throws {
        try commit(1, [.hold("created", 1)])
        try commit(2, [.hold("edited", 2)])
        let letters = try held
        #expect(letters.map { $0["event"]?["n"] } == [2])
        #expect(letters[0]["error"] == "reason 2")
        #expect(letters[0]["id"]?.string == "a.0-\(token)-1-0")
        try approve()
        #expect(try waiting()[0].hasPrefix(#"{"_v":"7-2-0 created""#))
    }

    @Test("a deletion ends a held comment, and itself: nobody has seen it")
    func deletion() throws {
        try commit(1, [.hold("created", 1), .hold("created", 2, thread: "43")])
        try commit(2, [.go("deleted", 3)])
        #expect(try held.map { $0["event"]?["n"] } == [2])
        #expect(try waiting() == [])
        #expect(try counters("held", "held:superseded", "dropped", "dropped:superseded") == [2, 1, 1, 1])
        #expect(try library.redis.ask("GET", "{t.0}:post:42\0c").text == "7-3-0 deleted app ")
        #expect(try library.redis.ask("HLEN", "{t.0}:holds:a").integer == 1)
    }

    @Test("all in one batch: a comment is held, edited and deleted")
    func batch() throws {
        try commit(1, [.hold("created", 1), .go("edited", 2), .hold("edited", 3), .hold("created", 4, thread: "43")])
        #expect(try held.map { $0["event"]?["n"] } == [3, 4])
        try commit(2, [.go("edited", 5), .go("deleted", 6), .go("edited", 7, thread: "44")])
        #expect(try held.map { $0["event"]?["n"] } == [4])
        #expect(try waiting().count == 1)
    }

    @Test("of a comment that was published, a held edit gives way to what comes later")
    func published() throws {
        try library.redis.ask("SET", "{t.0}:post:42\0c", "7-1-0 created")
        try commit(1, [.hold("edited", 2)])
        try commit(2, [.hold("edited", 3)])
        #expect(try held.map { $0["event"]?["n"] } == [3])
        try commit(3, [.go("edited", 4)])
        #expect(try held.isEmpty)
        #expect(try waiting() == [Change.go("edited", 4).stamped])
        try commit(4, [.hold("edited", 5)])
        try commit(5, [.go("deleted", 6)])
        #expect(try held.isEmpty)
        #expect(try waiting().count == 2)
        #expect(try counters("held", "held:superseded", "out", "dropped") == [3, 3, 2, 0])
        #expect(try holds() == "[]")
    }

    @Test("an older event that comes late does not take the place of a newer one, nor is it held")
    func late() throws {
        try commit(1, [.hold("created", 1)])
        try commit(2, [.go("edited", 5)])
        try commit(3, [.go("edited", 3), .go("deleted", 4), .hold("edited", 2)])
        #expect(try held.map { $0["event"]?["n"] } == [5])
        try library.redis.ask("SET", "{t.0}:post:43\0c", "7-9-0 deleted")
        try commit(4, [.hold("created", 8, thread: "43")])
        #expect(try held.count == 1)
        #expect(try counters("dropped", "dropped:superseded") == [4, 4])
    }

    @Test(
        "an edit or a deletion by a stranger neither replaces nor ends what is held; the owner's does",
        arguments: [
            "u:1", "m:9", "app",
        ])
    func strangers(_ by: String) throws {
        try commit(1, [.hold("created", 1, by: "u:1")])
        #expect(try holds() == "[7-1-0 created a.0-\(token)-1-0 u:1]")
        try commit(2, [.go("edited", 2, by: "u:2"), .hold("edited", 3, by: "u:2"), .go("deleted", 4, by: "u:2")])
        #expect(try held.map { $0["event"]?["n"] } == [1])
        #expect(try waiting() == [])
        #expect(try counters("dropped", "dropped:not-yours") == [3, 3])
        try commit(3, [.go("edited", 5, by: by)])
        #expect(try held.map { $0["event"]?["n"] } == [5])
        // Whoever edits it, the comment stays its owner's.
        #expect(try held[0]["event"]?["_by"] == "u:1")
        #expect(try holds() == "[7-5-0 created a.0-\(token)-1-0 u:1]")
        try commit(4, [.go("deleted", 6, by: by)])
        #expect(try held.isEmpty)
        #expect(try library.redis.ask("GET", "{t.0}:post:42\0c").text == "7-6-0 deleted u:1 ")
    }

    @Test("of a published comment nobody's event is held but those who may change it")
    func ownersOnly() throws {
        try library.redis.ask("SET", "{t.0}:post:42\0c", "7-1-0 created u:1 {x}5-1")
        try commit(1, [.hold("edited", 2, by: "u:2"), .hold("created", 3, by: "u:2")])
        #expect(try held.isEmpty)
        #expect(try counters("dropped", "dropped:not-yours") == [2, 2])
        try commit(2, [.hold("edited", 4, by: "u:1")])
        try commit(3, [.go("edited", 5, by: "u:2")])
        #expect(try held.map { $0["event"]?["n"] } == [4])
        try commit(4, [.go("edited", 6, by: "u:1")])
        #expect(try held.isEmpty)
        #expect(try waiting().count == 1)
    }

    @Test("a held change of a comment that nobody knows is left to its sender, and keeps nobody else out")
    func unknown() throws {
        try commit(1, [.hold("edited", 1, by: "u:1")])
        try commit(2, [.go("edited", 2, by: "u:2"), .hold("edited", 3, by: "u:2")])
        #expect(try held.map { $0["event"]?["n"] } == [1, 3])
        #expect(try waiting().count == 1)
        try commit(3, [.go("deleted", 4, by: "u:1")])
        #expect(try held.map { $0["event"]?["n"] } == [3])
        #expect(try waiting().count == 2)
        #expect(try counters("dropped") == [0])
    }

    @Test("jobs of events that another one has superseded are finished as dropped")
    func jobs() throws {
        try library.redis.ask("HSET", "t:jobs", "work\0j1", "1", "work\0j2", "2", "work\0j3", "3")
        for (job, score) in [("j1", "1"), ("j2", "2"), ("j3", "3")] {
            try library.redis.ask("ZADD", "feed.claimed:work", score, job)
        }
        var created = Change.hold("created", 1)
        created.job = #""_job":["work","j1","1"],"#
        var edited = Change.go("edited", 2)
        edited.job = #""_job":["work","j2","2"],"#
        var deleted = Change.go("deleted", 3)
        deleted.job = #""_job":["work","j3","3"],"#
        try commit(1, [created])
        try commit(2, [edited])
        #expect(try library.redis.ask("HKEYS", "t:jobs").line == "[work\0j2, work\0j3]")
        #expect(
            try library.list("{t.0}:held:a")[0].contains(#""event":{"_job":["work","j2","2"],"_v":"7-2-0 created","#))
        try commit(3, [deleted])
        #expect(try library.redis.ask("HLEN", "t:jobs").integer == 0)
        #expect(try library.redis.ask("GET", "feed.finishes:work").text == "3")
    }

    @Test("what is held of a comment is forgotten with its letter, however that leaves the list")
    func forgotten() throws {
        var small = self
        small.cap = 2
        try small.commit(1, [.hold("created", 1, thread: "1"), .hold("created", 2, thread: "2")])
        try small.commit(2, [.hold("created", 3, thread: "3")], forgotten: 1)
        #expect(try library.redis.ask("HKEYS", "{t.0}:holds:a").line == "[2\0c, 3\0c]")
        let raw = try library.list("{t.0}:held:a")[0]
        #expect(
            try library.call(.moveSetAside(.held, from: lane, to: nil, of: layout, [(Array(raw.utf8), [])])) == 1)
        #expect(try library.redis.ask("HKEYS", "{t.0}:holds:a").line == "[3\0c]")
        try library.redis.ask("DEL", "{t.0}:held:a")
        // A letter that somebody has removed by hand holds nobody up.
        try small.commit(3, [.go("edited", 4, thread: "3")])
        #expect(try waiting().count == 1)
        #expect(try library.redis.ask("EXISTS", "{t.0}:holds:a").integer == 0)
    }

    @Test("a letter is found in a long list, and in one that was edited by hand", arguments: [false, true])
    func found(isEdited: Bool) throws {
        var long = self
        long.cap = 10_000
        for serial in 1...20 {
            try long.commit(serial, (0..<100).map { .hold("created", serial, thread: "\(serial)-\($0)") })
        }
        if isEdited {
            let letters = try library.list("{t.0}:held:a")
            try library.redis.ask("DEL", "{t.0}:held:a")
            try library.redis.ask(
                words: ["RPUSH", "{t.0}:held:a"] + letters.reversed().map { $0 == letters[7] ? "odd" : $0 })
        }
        for (serial, thread) in [("1", "1-0"), ("2", "20-99"), ("3", "7-41"), ("4", "12-63")] {
            try long.commit(20 + (Int(serial) ?? 0), [.go("edited", 50, thread: thread)])
        }
        #expect(try waiting() == [])
        let edited = try library.list("{t.0}:held:a").filter { $0.contains(#""n":50"#) }
        #expect(edited.count == 4)
        #expect(try library.redis.ask("LLEN", "{t.0}:held:a").integer == 2000)
    }

    @Test("a list of held events that is a foreign key stops the commit before anything is changed")
    func foreign() throws {
        try library.redis.ask("SET", "{t.0}:holds:a", "foreign")
        try library.enqueue([Change.go("edited", 1).event])
        let before = try library.redis.dump()
        #expect(throws: RedisError.self) {
            try library.commit(
                token: token, serial: 1, [Change.go("edited", 1).event],
                ["change", "{t.0}:held:a", "{t.0}:post:", "60000", "10", "1", "go", "42\0c", "7-1-0", "edited", "{}"])
        }
        #expect(try library.redis.dump() == before)
    }
}
