import Store
import TestSupport
import Testing

@testable import Edge

@Suite("Comments that change in a ring")
struct RingChangeTests {
    private static func event(_ type: String, _ id: String, _ html: String? = nil) -> [UInt8] {
        let html = html.map { ",\"html\":\"\($0)\"" } ?? ""
        return Array("{\"thread\":\"t\",\"id\":\"\(id)\",\"type\":\"comment.\(type)\"\(html)}".utf8)
    }

    private static func history(_ events: [(Int64, [UInt8])], last: Int64? = nil, floor: Int64 = 0) -> ChannelHistory {
        var history = ChannelHistory.sample(1...1, floor: floor, last: last ?? events.last?.0 ?? 0)
        history.items = events.map { ChannelHistory.Item(sequence: $0.0, event: $0.1) }
        return history
    }

    private static func ring(_ events: [[UInt8]] = [], _ change: (inout EdgeLimits) -> Void = { _ in }) -> Ring {
        var limits = EdgeLimits()
        change(&limits)
        let ring = Ring(limits: limits)
        ring.replace(with: history([]))
        // Only a feed that exists takes announcements.
        for (index, event) in events.enumerated() { #expect(ring.offer(Int64(index) + 1, event) == .appended) }
        return ring
    }

    /// What a reader after this number gets, in words: `c:b` for comment c with text b, `c-` for its deletion.
    private static func read(_ ring: Ring, after sequence: Int64) throws -> String {
        let body = String(decoding: ring.batch(after: sequence).body, as: UTF8.self)
        return try #require(try ParsedJSON(parsing: body).array).map { event in
            let id = event["id"]?.string ?? "?"
            return event["type"]?.string == "comment.deleted" ? id + "-" : "\(id):\(event["html"]?.string ?? "")"
        }.joined(separator: " ")
    }

    @Test(
        "from each position a reader gets the newest text at the comment's place and with its latest change",
        arguments: [
            (["created c 1"], ["c:1", ""]),
            (["created c 1", "edited c 2"], ["c:2 c:2", "c:2", ""]),
            (["created c 1", "edited c 2", "edited c 3"], ["c:3 c:3", "c:3", "c:3", ""]),
            (["created c 1", "edited c 2", "edited c 3", "deleted c"], ["c- c-", "c-", "c-", "c-", ""]),
            (["created c 1", "deleted c"], ["c- c-", "c-", ""]),
            (["created c 1", "created c 2"], ["c:2 c:2", "c:2", ""]),
            (["created c 1", "created c 2", "created c 3"], ["c:3 c:3", "c:3", "c:3", ""]),
            (["created c 1", "deleted c", "created c 3"], ["c:3 c:3", "c:3", "c:3", ""]),
            (
                ["created c 1", "created d 1", "edited c 2", "created e 1", "edited c 3"],
                ["c:3 d:1 e:1 c:3", "d:1 e:1 c:3", "e:1 c:3", "e:1 c:3", "c:3", ""]
            ),
            // The comment itself is older than the ring.
            (["edited c 2", "edited c 3"], ["c:3 c:3", "c:3", ""]),
            (["deleted c", "created d 1"], ["c- d:1", "d:1", ""]),
        ])
    func sequences(_ events: [String], _ expected: [String]) throws {
        let texts = events.map { text in
            let words = text.split(separator: " ").map(String.init)
            return Self.event(words[0], words[1], words.count > 2 ? words[2] : nil)
        }
        let announced = Self.ring(texts)
        // The same as one history that nobody has rewritten, and as one that continues a ring.
        let numbered = texts.enumerated().map { (Int64($0.offset) + 1, $0.element) }
        let loaded = Self.ring()
        loaded.replace(with: Self.history(numbered))
        let merged = Self.ring()
        merged.replace(with: Self.history(Array(numbered.prefix(1))))
        merged.merge(Self.history(Array(numbered.dropFirst()), last: Int64(texts.count)))
        for (after, text) in expected.enumerated() {
            #expect(try Self.read(announced, after: Int64(after)) == text, "announced, after \(after)")
            #expect(try Self.read(loaded, after: Int64(after)) == text, "loaded, after \(after)")
            #expect(try Self.read(merged, after: Int64(after)) == text, "merged, after \(after)")
            let position = Offset.position(Position(epoch: 1, born: 1000, sequence: Int64(after)))
            guard case .found(_, let hasNews) = announced.find(position) else {
                Issue.record("position \(after) is not found")
                continue
            }
            #expect(hasNews == !text.isEmpty)
        }
    }

    @Test("a live reader gets each event as it was announced")
    func live() throws {
        let ring = Self.ring()
        let events = [
            Self.event("created", "c", "1"), Self.event("edited", "c", "2"), Self.event("edited", "c", "3"),
            Self.event("deleted", "c"),
        ]
        for (index, event) in events.enumerated() {
            #expect(ring.offer(Int64(index) + 1, event) == .appended)
            #expect(ring.batch(after: Int64(index)).body == [0x5B] + event + [0x5D])
        }
    }

    @Test("comments of two conversations with one id are two comments, and so are two ids in one conversation")
    func others() throws {
        let ring = Self.ring([
            Self.event("created", "c", "1"), Self.event("created", "d", "1"),
            Array(#"{"thread":"u","id":"c","type":"comment.created","html":"u"}"#.utf8), Self.event("edited", "c", "2"),
            Array(#"{"thread":"t","id":"d","type":"user.seen","html":"x"}"#.utf8),
        ])
        #expect(try Self.read(ring, after: 0) == "c:2 d:1 c:u c:2 d:x")
    }

    @Test("bodies that were encoded before a change are forgotten, and exactly the bytes held are charged")
    func bytes() throws {
        let budget = RingBudget()
        var limits = EdgeLimits()
        limits.ringEvents = 4
        var ring: Ring? = Ring(limits: limits, budget: budget)
        ring?.replace(with: Self.history([]))
        let events = [
            Self.event("created", "c", String(repeating: "a", count: 500)), Self.event("created", "d", "1"),
            Self.event("edited", "c", "b"), Self.event("edited", "c", String(repeating: "c", count: 900)),
            Self.event("created", "e", "1"), Self.event("deleted", "d"), Self.event("created", "f", "1"),
        ]
        let held = [[0], [0, 1], [2, 1, 2], [3, 1, 3], [3, 1, 3, 4], [5, 3, 4, 5], [3, 4, 5, 6]]
        for (index, event) in events.enumerated() {
            _ = ring?.offer(Int64(index) + 1, event)
            let bytes = held[index].reduce(0) { $0 + events[$1].count }
            #expect(ring?.bytes == bytes && ring?.count == held[index].count, "event \(index + 1)")
            #expect(budget.bytes == bytes + held[index].count * RingBudget.entryOverhead, "event \(index + 1)")
            _ = ring?.batch(after: ring?.floor ?? 0)
        }
        ring = nil
        #expect(budget.bytes == 0)
    }

    @Test("a change makes room when the longer text exceeds the ring's limit")
    func longer() throws {
        let ring = Self.ring([Self.event("created", "c", "1"), Self.event("created", "d", "1")]) { $0.ringBytes = 1000 }
        #expect(ring.offer(3, Self.event("edited", "d", String(repeating: "x", count: 600))) == .appended)
        #expect(ring.bytes <= 1000 && ring.count == 1 && ring.floor == 2)
        #expect(ring.offer(4, Self.event("edited", "d", "3")) == .appended)
        #expect(try Self.read(ring, after: 2) == "d:3 d:3")
    }

    @Test("an announcement that comes again after its comment was changed is a duplicate; any other is suspect")
    func duplicates() {
        let texts = [
            Self.event("created", "c", "1"), Self.event("edited", "c", "2"), Self.event("edited", "c", "3"),
            Self.event("created", "d", "1"),
        ]
        let ring = Self.ring(texts)
        for (index, text) in texts.enumerated() {
            #expect(ring.offer(Int64(index) + 1, text, isEarly: true) == .duplicate, "\(index + 1)")
        }
        // Later: a feed that was born again begins with such numbers.
        for (index, text) in texts[..<2].enumerated() {
            #expect(ring.offer(Int64(index) + 1, text) == .suspect, "\(index + 1)")
        }
        #expect(ring.offer(1, Self.event("created", "e", "1")) == .suspect)
        #expect(ring.offer(2, Self.event("created", "e", "1")) == .suspect, "a hole")
        #expect(ring.offer(4, Self.event("edited", "d", "2")) == .suspect, "no later change of it is known")
        #expect(ring.offer(4, Self.event("edited", "c", "4")) == .suspect, "another comment's number")
        #expect(ring.offer(4, Array("1".utf8)) == .suspect)
        #expect(ring.count == 3 && ring.last == 4)
    }

    @Test("a history that differs only by a newer text of the same comment does not contradict the ring")
    func contradictions() {
        let ring = Self.ring([
            Self.event("created", "c", "1"), Self.event("created", "d", "1"), Self.event("edited", "c", "2"),
        ])
        let (c3, c4) = (Self.event("edited", "c", "3"), Self.event("deleted", "c"))
        let d1 = Self.event("created", "d", "1")
        #expect(!ring.contradicts(Self.history([(1, c3), (2, d1), (4, c3)])))
        #expect(!ring.contradicts(Self.history([(1, c4), (2, d1), (4, c4)])))
        #expect(!ring.contradicts(Self.history([(1, c4), (2, d1), (5, c4)])), "an edit that came between is gone")
        #expect(!ring.contradicts(Self.history([(1, c3), (5, c3)])), "what was retracted")
        #expect(ring.contradicts(Self.history([(1, c3), (3, c3)])), "a number's own event never changes")
        #expect(ring.contradicts(Self.history([(1, c3), (2, d1)], last: 3)), "the change itself is missing")
        #expect(ring.contradicts(Self.history([(1, d1), (2, d1), (4, d1)])), "another comment")
        #expect(ring.contradicts(Self.history([(1, c3), (2, c3), (4, c3)])), "another comment")
        #expect(ring.contradicts(Self.history([(1, Array("1".utf8)), (4, c3)])), "no comment")
        #expect(ring.contradicts(Self.history([(1, c3)], last: 2)), "a shorter feed")
    }

    @Test("after a reconnect a text whose edit was itself replaced is gone, and so is the number of that edit")
    func cutOff() throws {
        var machine = ChannelMachine(limits: EdgeLimits())
        _ = machine.handle(.confirmed)
        let created = Self.history([(1, Self.event("created", "c", "1")), (2, Self.event("edited", "c", "2"))])
        _ = machine.handle(.loaded(generation: 1, created))
        // Cut off: an edit under 3 that the one under 5 replaced.
        _ = machine.handle(.lost)
        let after = try #require(machine.handle(.confirmed).load?.after)
        let (d, c5) = (Self.event("created", "d", "1"), Self.event("edited", "c", "5"))
        #expect(after == 2)
        // Late announcements, of which the history knows already.
        _ = machine.handle(.announced(sequence: 3, event: Self.event("edited", "c", "3")))
        _ = machine.handle(.announced(sequence: 4, event: d))
        _ = machine.handle(.announced(sequence: 5, event: c5))
        let actions = machine.handle(.loaded(generation: 2, Self.history([(4, d), (5, c5)])))
        #expect(actions == ChannelMachine.Actions(deliver: true))
        #expect(try Self.read(machine.ring, after: 0) == "c:5 d:1 c:5")
        // The same when everything is loaded again, as after a suspect announcement.
        _ = machine.handle(.announced(sequence: 2, event: Self.event("created", "x", "1")))
        let c6 = Self.event("deleted", "c")
        let whole = Self.history([(1, c6), (4, d), (6, c6)])
        #expect(machine.handle(.loaded(generation: 3, whole)) == ChannelMachine.Actions(deliver: true))
        #expect(try Self.read(machine.ring, after: 0) == "c- d:1 c-" && machine.ring.count == 3)
    }

    @Test("whatever is lost, late or repeated, no text that was replaced is given to anybody", arguments: 0..<60)
    func simulation(_ round: Int) {
        var world = ChangedWorld(random: SplitMix64(seed: SplitMix64().seed &+ UInt64(round)))
        world.run(steps: 600)
        #expect(world.faults == [], "seed \(world.random.seed)")
        #expect(world.resets == 0, "seed \(world.random.seed)")
    }
}
