import JSON
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// A comment that was held or set aside, and approved or retried after its edit or its deletion.
///
/// Events are `{"thread":"0","id":ID,"type":…,"n":NUMBER,"do":[…]}`; the stage `a` does with an event what `do` says, one
/// word each time it sees it, and passes it on from then on.
@Suite("comments that are approved or retried late")
struct SupersededTests {
    private let pool: WorkerPool
    private let guide = Guide()
    private let held = LaneID(stage: "a", partition: 0)

    /// What the stage `a` does with an event: in order of its visits.
    private final class Guide {
        var visits: [Int64: Int] = [:]

        func decide(_ event: Event) -> Disposition {
            let number = event.fields["n"]?.int ?? 0
            let words = event.fields["do"]?.array ?? []
            let visit = visits[number, default: 0]
            visits[number] = visit + 1
            switch visit < words.count ? words[visit].string : nil {
            case "hold": return .hold(event, reason: "look at it")
            case "reject": return .reject(reason: "broken")
            default: return .forward([event])
            }
        }
    }

    init() throws {
        let guide = guide
        pool = try WorkerPool(
            partitions: 1,
            stages: [
                "z": WorkerPool.pass, "a": { TestStage { event throws(StageError) in guide.decide(event) } },
                "b": WorkerPool.publisher,
            ])
        try pool.startAlone()
    }

    private func push(_ type: String, _ number: Int, id: String = "c", _ words: String...) throws {
        let list = words.map { "\"\($0)\"" }.joined(separator: ",")
        try pool.redis.ask(
            "RPUSH", "t:incoming",
            #"{"thread":"0","id":"\#(id)","type":"comment.\#(type)","n":\#(number),"do":[\#(list)]}"#)
    }

    /// Waits until no event is on its way.
    private func settled() throws {
        try pool.runner.run(within: 20, "the queues are empty") {
            try pool.layout.lanes.allSatisfy { try pool.redis.ask("LLEN", pool.layout.queue($0)).integer == 0 }
        }
    }

    private func letters(_ kind: SetAsideEvent.Kind) throws -> [SetAsideEvent] {
        let parser = JSONParser(maxBytes: 1 << 20)
        return try (pool.redis.ask("LRANGE", pool.layout.setAside(kind, in: held), "0", "-1").array ?? []).map {
            SetAsideEvent(try parser.parseObject($0.bytes ?? []))
        }
    }

    /// Approves the held event, or retries the dead letter, at a place in its list.
    private func move(_ kind: SetAsideEvent.Kind, at place: Int = 0) throws {
        let raw = try #require(
            try pool.redis.ask("LINDEX", pool.layout.setAside(kind, in: held), "\(place)").bytes)
        let content = SetAsideEvent(try JSONParser(maxBytes: 1 << 20).parseObject(raw))
        let decision: SetAsideDecision = kind == .held ? .approve : .retry
        let call = FunctionCall.moveSetAside(
            kind, from: held,
            to: decision.goal(of: held.stage, in: pool.layout).map { LaneID(stage: $0, partition: held.partition) },
            of: pool.layout, [(raw, content.event)])
        #expect(try pool.redis.ask(call.command).integer == 1)
        try settled()
    }

    private func feed() throws -> [ParsedJSON] {
        let items = try pool.redis.ask("FCALL_RO", "tidings_history", "1", "{t.0}:epoch", "thread:0", "0", "10000")
        let parts = items.array ?? []
        return try stride(from: 6, to: parts.count, by: 2).map { try ParsedJSON(parsing: parts[$0].text ?? "") }
    }

    private func counter(_ stage: String, _ field: String) throws -> Int64 {
        try pool.redis.ask("HGET", "{t.0}:lane:\(stage)", field).integer ?? 0
    }

    @Test(
        "a dead letter that is retried after its comment was edited or deleted is superseded",
        arguments: ["edited", "deleted"])
    func dead(_ type: String) throws {
        try push("created", 1, "reject")
        try push(type, 2)
        try settled()
        #expect(try feed().map { $0["n"] } == [2])
        try move(.dead)
        #expect(try feed().map { $0["n"] } == [2])
        #expect(try counter("b", "dropped:superseded") == 1)
        try pool.expectBalance()
    }

    @Test("a held comment that was edited is published once, as it is now, when it is approved")
    func edited() throws {
        try push("created", 1, "hold")
        try push("edited", 2)
        try settled()
        #expect(try feed().isEmpty)
        #expect(try letters(.held).count == 1)
        try move(.held)
        let events = try feed()
        #expect(events.map { $0["n"] } == [2])
        #expect(events[0]["type"] == "comment.created")
        #expect(events[0]["_v"] == nil)
        try push("edited", 3)
        try settled()
        // It stands in the comment's place as well.
        #expect(try feed().map { $0["n"] } == [3, 3])
        try pool.expectBalance()
    }

    @Test("a held comment that was deleted is gone, and nobody hears of either")
    func deleted() throws {
        try push("created", 1, "hold")
        try push("edited", 2)
        try push("deleted", 3)
        try settled()
        #expect(try feed().isEmpty)
        #expect(try letters(.held).isEmpty)
        #expect(try counter("a", "dropped:superseded") == 1)
        try pool.expectBalance()
    }

    @Test(
        "what was held of a published comment is superseded by a later edit, or by a deletion",
        arguments: ["edited", "deleted"])
    func heldEdit(_ type: String) throws {
        try push("created", 1)
        try push("edited", 2, "hold")
        try settled()
        try push(type, 3)
        try settled()
        #expect(try feed().map { $0["n"] } == [3, 3])
        #expect(try letters(.held).isEmpty)
        try pool.expectBalance()
    }

    private func push(_ type: String, _ number: Int, by sender: String, _ words: String...) throws {
        let list = words.map { "\"\($0)\"" }.joined(separator: ",")
        try pool.redis.ask(
            "RPUSH", "t:incoming",
            #"{"_by":"\#(sender)","thread":"0","id":"c","type":"comment.\#(type)","n":\#(number),"do":[\#(list)]}"#)
    }

    @Test(
        "who wrote a comment goes with it through the stages, a held letter and its edit, and decides who may change it"
    )
    func owners() throws {
        try push("created", 1, by: "u:1", "hold")
        try push("edited", 2, by: "u:2")
        try push("edited", 3, by: "m:9")
        try settled()
        #expect(try counter("a", "dropped:not-yours") == 1)
        #expect(try letters(.held).count == 1)
        try move(.held)
        let events = try feed()
        #expect(events.map { $0["n"] } == [3])
        #expect(events[0]["_by"] == nil)
        #expect(events[0]["type"] == "comment.created")
        // It is the author's, though a moderator had the last word.
        try push("deleted", 4, by: "u:9")
        try push("edited", 5, by: "u:1", "reject")
        try settled()
        #expect(try counter("b", "dropped:not-yours") == 1)
        try move(.dead)
        #expect(try feed().map { $0["n"] } == [5, 5])
        try pool.expectBalance()
    }

    @Test("an approval that was decided before an edit came finds nothing: the person has to see the edit")
    func race() throws {
        try push("created", 1, "hold")
        try settled()
        let raw = try #require(try pool.redis.ask("LINDEX", "{t.0}:held:a", "0").bytes)
        let event = SetAsideEvent(try JSONParser(maxBytes: 1 << 20).parseObject(raw)).event
        try push("edited", 2)
        try settled()
        let call = FunctionCall.moveSetAside(
            .held, from: held, to: LaneID(stage: "b", partition: 0), of: pool.layout, [(raw, event)])
        #expect(try pool.redis.ask(call.command).integer == 0)
        #expect(try feed().isEmpty)
    }

    @Test("versions hold when the lanes change hands and the server's clock goes back", arguments: [1, -1])
    func takeover(_ direction: Int) throws {
        try push("created", 1, "reject")
        try settled()
        try pool.stop("w1")
        // The next claim counts on from the last token, whatever the clock says.
        let token = try #require(try pool.redis.ask("HGET", "{t.0}:lane:z", "token").integer)
        if direction < 0 {
            for lane in pool.layout.lanes {
                try pool.redis.ask("HSET", pool.layout.lane(lane), "token", "\(token + 3_600_000_000)")
            }
        }
        try pool.startAlone("w2")
        try push("edited", 2)
        try settled()
        try move(.dead)
        #expect(try feed().map { $0["n"] } == [2])
    }

    @Test("a superseded event is not handed on to a stage behind the publishing one either")
    func behind() throws {
        let guide = guide
        var seen: [Int64] = []
        let pool = try WorkerPool(
            partitions: 1,
            stages: [
                "a": { TestStage { event throws(StageError) in guide.decide(event) } }, "b": WorkerPool.publisher,
                "c": {
                    TestStage { event throws(StageError) in
                        seen.append(event.fields["n"]?.int ?? 0)
                        return .forward([event])
                    }
                },
            ])
        try pool.startAlone()
        let comment = #"{"thread":"0","id":"c","n":1,"do":["reject"]}"#
        try pool.redis.ask("RPUSH", "t:incoming", comment, #"{"thread":"0","id":"c","type":"comment.edited","n":2}"#)
        try pool.runner.run(within: 10, "the edit arrives") { seen == [2] }
        let raw = try #require(try pool.redis.ask("LINDEX", "{t.0}:dead:a", "0").bytes)
        let event = SetAsideEvent(try JSONParser(maxBytes: 1 << 20).parseObject(raw)).event
        let call = FunctionCall.moveSetAside(.dead, from: held, to: held, of: pool.layout, [(raw, event)])
        #expect(try pool.redis.ask(call.command).integer == 1)
        try pool.runner.run(within: 10, "the old event is dropped") {
            try pool.redis.ask("HGET", "{t.0}:lane:b", "dropped:superseded").integer == 1
        }
        try pool.expectBalance()
        #expect(seen == [2])
    }

    @Test("events that a former version of the program left in the queues are published, and found by a later edit")
    func former() throws {
        try pool.stop("w1")
        for (number, type) in [(1, "created"), (2, "edited")] {
            try pool.redis.ask(
                "RPUSH", "{t.0}:queue:b", #"{"thread":"0","id":"c","type":"comment.\#(type)","n":\#(number)}"#)
        }
        try pool.redis.ask("HINCRBY", "{t.0}:lane:b", "in", "2")
        try pool.startAlone("w2")
        try pool.runner.run(within: 10, "they are published") { try feed().count == 2 }
        #expect(try feed().map { $0["n"] } == [1, 2])
        try push("edited", 3)
        try settled()
        #expect(try feed().map { $0["n"] } == [3, 3])
        try pool.expectBalance()
    }

    /// Whatever is held, dead, approved and retried in whatever order: what is left of a comment in the history is its
    /// newest event, unless nobody ever saw the comment.
    @Test("in whatever order people decide, the newest version is all that is left of a comment", arguments: 0..<6)
    func seeded(_ run: Int) throws {
        var generator = SplitMix64()
        let seed = generator.seed
        var number = 0
        var newest: [String: (number: Int, type: String)] = [:]
        for _ in 0..<40 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                number += 1
                let id = "\(Int.random(in: 0..<3, using: &generator))"
                let type =
                    newest[id] == nil
                    ? "created" : ["edited", "edited", "deleted"].randomElement(using: &generator) ?? "edited"
                let words = (0..<2).compactMap { _ in
                    ["hold", "reject", nil, nil].randomElement(using: &generator) ?? nil
                }
                let list = type == "deleted" ? words.filter { $0 == "reject" } : words
                newest[id] = (number, type)
                try pool.redis.ask(
                    "RPUSH", "t:incoming",
                    #"{"thread":"0","id":"\#(id)","type":"comment.\#(type)","n":\#(number),"do":[\#(list.map { "\"\($0)\"" }.joined(separator: ","))]}"#
                )
                if Bool.random(using: &generator) { try settled() }
            case 6, 7: try decide(.held, &generator)
            default: try decide(.dead, &generator)
            }
        }
        try settled()
        while try !letters(.held).isEmpty || !letters(.dead).isEmpty {
            try decide(.held, &generator)
            try decide(.dead, &generator)
        }
        for (id, last) in newest {
            let events = try feed().filter { $0["id"]?.string == id }
            let numbers = events.map { Int($0["n"]?.integer ?? 0) }
            #expect(numbers.allSatisfy { $0 == last.number }, "seed \(seed), comment \(id): \(numbers)")
            if numbers.isEmpty {
                #expect(last.type == "deleted", "seed \(seed), comment \(id)")
            }
        }
        try pool.expectBalance("seed \(seed)")
    }

    private func decide(_ kind: SetAsideEvent.Kind, _ generator: inout SplitMix64) throws {
        try settled()
        let count = try letters(kind).count
        if count > 0 { try move(kind, at: Int.random(in: 0..<count, using: &generator)) }
    }
}
