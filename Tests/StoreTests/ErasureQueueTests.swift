import Redis
import TestSupport
import Testing

@testable import Store

/// What is a person's leaves queues and lists of letters.
@Suite("erasure from queues and letters")
struct ErasureQueueTests {
    private let library: TidingsLibrary
    private let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a", "b"])
    private let lane = LaneID(stage: "a", partition: 0)
    private let person = Person(id: "42")

    init() throws {
        library = try TidingsLibrary()
    }

    private func event(_ number: Int, by author: String = #""42""#, _ more: String = "") -> String {
        #"{"thread":"t","id":"c\#(number)","author":{"id":\#(author)},"n":\#(number)\#(more)}"#
    }

    /// Erases to the head of the queue. Gives how many went, and how many of these were old.
    @discardableResult
    private func erase(_ person: Person? = nil, start: Int64 = 0) throws -> [Int] {
        var (removed, old) = (0, 0)
        var seen: Int? = 0
        while let from = seen {
            let part = try library.call(
                .erase(person ?? self.person, inQueueOf: lane, of: layout, seen: from, start: start))
            removed += part.removed
            old += part.old
            seen = part.next
        }
        return [removed, old]
    }

    @Test(
        "an event is a person's by its author's id, a string or a number, or by its sender",
        arguments: [
            (#"{"author":{"id":"42"}}"#, true),
            (#"{"author":{"id":42}}"#, true),
            (#"{"author":{"name":"x","id":"42","more":{"id":"7"}},"text":"\\u0000"}"#, true),
            (#"{"author":{"id":"\u0034\u0032"}}"#, true),
            (#"{"author":{"id":"\u0034" }}"#, false),
            (#"{"author":{"id":42.5}}"#, false),
            (#"{"author":{"id":"042"}}"#, false),
            (#"{"author":{"name":"42"},"id":"42"}"#, false),
            (#"{"author":"42"}"#, false),
            (#"{"mentions":["42"],"text":"@42","author":{"id":"7"}}"#, false),
            (#"{"_by":"u:42","type":"comment.edited"}"#, true),
            (#"{"_by":"m:42"}"#, true),
            // A moderator's edit of another one's comment.
            (#"{"_by":"m:42","type":"comment.edited","author":{"id":"7"}}"#, false),
            (#"{"_by":"u:421"}"#, false),
            // A deletion has to reach its end.
            (#"{"_by":"u:42","type":"comment.deleted","author":{"id":"42"}}"#, false),
            ("no JSON 42", false), ("[42]", false),
        ])
    func whose(event: String, isTheirs: Bool) throws {
        try library.enqueue([event])
        let found = try library.call(.find(person, inQueueOf: lane, of: layout, seen: 0))
        #expect(found.elements == (isTheirs ? [Array(event.utf8)] : []) && found.looked == 1 && found.next == nil)
        #expect(try library.list(TidingsLibrary.queue) == [event])
        #expect(try erase() == [isTheirs ? 1 : 0, 0])
        #expect(try library.list(TidingsLibrary.queue) == (isTheirs ? [] : [event]))
        #expect(try library.counter("dropped:erased") == (isTheirs ? 1 : 0))
        #expect(try library.imbalance() == 0)
    }

    @Test("numbers that Lua would round are told apart, and any text may be an id")
    func ids() throws {
        let large = ["9007199254740993", "9007199254740992", "9007199254740994"].map { event(1, by: $0) }
        try library.enqueue(large)
        #expect(try erase(Person(id: "9007199254740993")) == [1, 0])
        #expect(try library.list(TidingsLibrary.queue) == Array(large.dropFirst()))
        for (id, written) in [
            ("a b", "a b"), ("ü", #"\u00fc"#), (#"q"\"#, #"q\"\\"#), ("%d+", "%d+"), ("-7", "-7"), ("", ""),
        ] {
            let event = event(2, by: #""\#(written)""#)
            try library.enqueue([event])
            #expect(try erase(Person(id: id)) == [1, 0], "\(id)")
        }
        #expect(try library.imbalance() == 0)
    }

    @Test("an edit that names nobody is its owner's, as the record says")
    func owned() throws {
        try library.redis.ask("SET", "{t.0}:post:t\0c1", "7-1-0 created u:42 {x}1-1")
        try library.redis.ask("SET", "{t.0}:post:t\0c2", "7-1-0 created u:7 {x}1-2")
        let edits = (1...3).map { #"{"thread":"t","id":"c\#($0)","type":"comment.edited","text":"x"}"# }
        try library.enqueue(edits)
        #expect(try erase() == [1, 0])
        #expect(try library.list(TidingsLibrary.queue) == Array(edits.dropFirst()))
    }

    @Test("a long queue is looked at in parts, and what stays keeps its order", arguments: [3, 10])
    func parts(_ every: Int) throws {
        let events = (0..<2000).map {
            event($0, by: $0 % every == 0 ? "42" : "7", #","pad":"\#(String(repeating: "x", count: 300))""#)
        }
        for start in stride(from: 0, to: 2000, by: 500) { try library.enqueue(Array(events[start..<start + 500])) }
        let first = try library.call(.erase(person, inQueueOf: lane, of: layout, seen: 0, start: 0))
        #expect(first.looked == 256 && first.next == 256 - first.removed)
        let rest = try erase()[0]
        #expect(first.removed + rest == (2000 + every - 1) / every)
        let left = events.indices.filter { $0 % every != 0 }.map { events[$0] }
        #expect(try library.list(TidingsLibrary.queue) == left)
        #expect(try library.imbalance() == 0)
    }

    @Test("what arrives between two calls hides nothing")
    func arrivals() throws {
        try library.enqueue((0..<400).map { event($0) })
        let first = try library.call(.find(person, inQueueOf: lane, of: layout, seen: 0))
        try library.enqueue((400..<500).map { event($0) })
        // A worker takes from the head.
        try library.redis.ask("LTRIM", TidingsLibrary.queue, "50", "-1")
        let second = try library.call(.find(person, inQueueOf: lane, of: layout, seen: try #require(first.next)))
        let seen = Set(first.elements + second.elements)
        #expect((50..<400).allSatisfy { seen.contains(Array(event($0).utf8)) })
    }

    @Test("old are those that were received before the start")
    func age() throws {
        try library.enqueue([
            event(1), event(2, by: "42", #","received_at":999"#), event(3, by: "42", #","received_at":1000"#),
        ])
        #expect(try erase(start: 1000) == [3, 1])
    }

    @Test("a batch in hand is refused when an event was taken out of its middle, though the queue looks the same")
    func middle() throws {
        let token = try library.token(of: "w1")
        let batch = ["a", "x", "b"].map { event(1, by: $0 == "x" ? "42" : #""\#($0)""#) }
        // The event behind the batch has the same bytes as its last one.
        try library.enqueue(batch + [batch[2]])
        try erase()
        #expect(try library.list(TidingsLibrary.queue) == [batch[0], batch[2], batch[2]])
        let push = TidingsLibrary.push(batch)
        #expect(try library.commit(token: token, serial: 1, batch, push) == "[MOVED]")
        // A lost answer: the same commit again.
        #expect(try library.commit(token: token, serial: 1, batch, push) == "[MOVED]")
        #expect(try library.list(TidingsLibrary.next) == [])
        let rest = [batch[0], batch[2], batch[2]]
        #expect(try library.commit(token: token, serial: 2, rest, TidingsLibrary.push(rest)) == "[OK]")
        #expect(try library.list(TidingsLibrary.next) == rest)
        #expect(try library.imbalance() == 0 && library.imbalance(stage: "b") == 0)
        #expect(try library.redis.ask("HGET", TidingsLibrary.lane, "stale").text == nil)
    }

    @Test("the next owner of the lane is not held up by what was in another one's hand")
    func nextOwner() throws {
        let first = try library.token(of: "w1")
        let events = (1...4).map { event($0, by: $0 == 2 ? "42" : "7") }
        try library.enqueue(events)
        try erase()
        #expect(
            try library.commit(token: first, serial: 900, [events[0]], TidingsLibrary.push([events[0]])) == "[MOVED]")
        try library.expire()
        let second = try library.token(of: "w2")
        #expect(try library.commit(token: second, serial: 1, [events[0]], TidingsLibrary.push([events[0]])) == "[OK]")
        // An event is taken out while no worker has the lane: the next commit is refused once.
        try library.enqueue([event(9), event(10, by: "7")])
        try erase()
        #expect(
            try library.commit(token: second, serial: 2, [events[2]], TidingsLibrary.push([events[2]])) == "[MOVED]")
        #expect(try library.commit(token: second, serial: 3, [events[2]], TidingsLibrary.push([events[2]])) == "[OK]")
    }

    @Test("attempts of a head that was erased do not count for the next one")
    func attempts() throws {
        try library.enqueue([event(1), event(2, by: "7")])
        try library.lose("w1")
        _ = try library.token(of: "w2")
        #expect(try library.counter("attempts") == 1)
        try erase()
        #expect(try library.counter("attempts") == 0)
        #expect(try library.redis.ask("HGET", TidingsLibrary.lane, "tried").text == "")
    }

    @Test("jobs end with their events, and counters of a door add up")
    func jobs() throws {
        let job = #"{"_job":["f","j1","5"],"author":{"id":42}}"#
        try library.redis.ask("HSET", "t:jobs", "f\0j1", "5")
        try library.redis.ask("ZADD", "feed.claimed:f", "1", "j1")
        try library.redis.ask("HSET", "feed.items:f", "j1", "{}")
        try library.redis.ask("RPUSH", "t:incoming", job, event(1, by: "7"))
        let heard = try Announcements(["job.finish:f"], library: library)
        let part = try library.call(.erase(person, inQueueOf: .openInlet, of: layout, seen: 0, start: 0))
        #expect(part.removed == 1)
        #expect(try heard.first(1) == ["job.finish:f j1|dropped: erased"])
        #expect(try library.redis.ask("EXISTS", "t:jobs", "feed.claimed:f", "feed.items:f").integer == 0)
        #expect(try library.counter("in", of: "t:lane:incoming") == 1)
        #expect(try library.counter("dropped", of: "t:lane:incoming") == 1)
    }

    @Test("letters go with what is held, and those that nobody can read are counted")
    func letters() throws {
        func letter(_ number: Int, _ event: String) -> String {
            #"{"id":"a.0-5-1-\#(number)","stage":"a","error":"e","attempts":1,"time":1,"event":\#(event)}"#
        }
        let held = [letter(1, event(1)), letter(2, event(2, by: "7")), letter(3, event(3))]
        for text in held { try library.redis.ask("RPUSH", "{t.0}:held:a", text) }
        for number in 1...3 {
            try library.redis.ask(
                "HSET", "{t.0}:holds:a", "t\0c\(number)", "5-1-\(number) created a.0-5-1-\(number) app")
        }
        let asText = #""{\"author\":{\"id\":\"42\"},\"text\":\"x\"}""#
        let dead = [
            letter(4, asText), letter(5, #""42 is no JSON""#), letter(6, #""no JSON""#),
            letter(7, #"{"type":"comment.deleted","author":{"id":42}}"#), letter(8, event(8, by: "7")),
        ]
        for text in dead { try library.redis.ask("RPUSH", "{t.0}:dead:a", text) }
        let found = try library.call(.find(person, in: .dead, of: lane, of: layout, seen: 0))
        #expect(found.elements.count == 2 && found.unclear == 1)
        let first = try library.call(.erase(person, in: .held, of: lane, of: layout, seen: 0, start: 0))
        let second = try library.call(.erase(person, in: .dead, of: lane, of: layout, seen: 0, start: 0))
        #expect(first.removed == 2 && second.removed == 2 && second.unclear == 1)
        #expect(try library.list("{t.0}:held:a") == [held[1]])
        #expect(try library.redis.ask("HKEYS", "{t.0}:holds:a").line == "[t\0c2]")
        #expect(try library.list("{t.0}:dead:a") == [dead[1], dead[2], dead[4]])
    }

    @Test("the last letter of a lane that is gone takes it off the list of former lanes")
    func former() throws {
        try library.redis.ask("SADD", "t:former", "3 z")
        try library.redis.ask("RPUSH", "{t.3}:dead:z", #"{"id":"z.3-1-1-1","event":{"author":{"id":42}}}"#)
        let old = LaneID(stage: "z", partition: 3)
        #expect(try library.call(.erase(person, in: .dead, of: old, of: layout, seen: 0, start: 0)).removed == 1)
        #expect(try library.redis.ask("EXISTS", "t:former").integer == 0)
    }

    @Test("rates that bear the person's name are found, and no others")
    func rates() throws {
        for key in ["t:rate:7:42", "t:rate:7:u:42", "t:rate:7:421", "t:rate:7:x:42", "u:rate:7:42"] {
            try library.redis.ask("SADD", key, "1")
        }
        var found: Set<String> = []
        var cursor = "0"
        repeat {
            let part = try library.call(.findKeys(of: person, pipeline: "t", from: cursor))
            for case .rate(let key) in part.found { found.insert(key) }
            cursor = part.cursor
        } while cursor != "0"
        #expect(found == ["t:rate:7:42", "t:rate:7:u:42"])
    }
}
