import Redis
import Store
import TestSupport
import Testing

/// What is left behind when the number of partitions or the stages change.
@Suite("a change of the pipeline's shape")
struct ShapeChangeTests {
    private static let conversations = (0..<40).map { "thread \($0)" }

    private func layout(_ partitions: Int, _ stages: [String] = ["a", "b"]) -> PipelineLayout {
        PipelineLayout(name: "t", partitions: partitions, stages: stages)
    }

    /// Commits one event of each conversation in its lane of the stage `a`, each with a key. Gives those that went on.
    private func pass(
        _ library: TidingsLibrary, partitions: Int, serial: Int, window: Int64 = 60_000, keys: [String]
    ) throws -> Set<String> {
        let layout = layout(partitions)
        var passed: Set<String> = []
        for (partition, keys) in Dictionary(grouping: keys, by: { layout.partition(of: $0) }) {
            let lane = LaneID(stage: "a", partition: partition)
            let next = LaneID(stage: "b", partition: partition)
            let claim = try library.call(.claim(lane, of: layout, owner: "w\(serial)", lease: 60_000))
            guard case .granted(let token) = claim else { throw TestSupportError("\(claim)") }
            let events = keys.map { Array("event \($0)".utf8) }
            _ = try library.call(.enqueue([partition: events], for: "a", of: layout, limit: 0))
            var commit = Commit(lane: lane, token: token, serial: serial, taking: events[...], lease: 60_000)
            commit.operations = [
                .pushOnce(
                    to: next, limit: 0, window: window, keys: 1000,
                    zip(keys, events).map { Commit.KeyedEvent(.key(Array($0.0.utf8)), $0.1) })
            ]
            #expect(try library.call(.commit(commit, of: layout)) == .done(forgotten: 0))
            for event in try library.list(layout.queue(next)) { passed.insert(String(event.dropFirst(6))) }
            try library.redis.ask("DEL", layout.queue(next))
            try library.call(.release(lane, of: layout, token: token))
        }
        return passed
    }

    @Test(
        "repeats within the window are dropped when their conversation has another partition",
        arguments: [(8, 3), (3, 8)])
    func repeats(_ before: Int, _ after: Int) throws {
        let library = try TidingsLibrary(partitions: before)
        let (first, second) = (Array(Self.conversations[..<20]), Array(Self.conversations[20...]))
        #expect(try pass(library, partitions: before, serial: 1, keys: first) == Set(first))
        #expect(try library.hello(partitions: after).hasPrefix("[OK"))
        #expect(try pass(library, partitions: after, serial: 2, keys: first + second) == Set(second))
        // And back again, with what both shapes have seen.
        #expect(try library.hello(partitions: before).hasPrefix("[OK"))
        #expect(try pass(library, partitions: before, serial: 3, keys: Self.conversations + ["new"]) == ["new"])
        for key in try library.redis.ask("KEYS", "*:seen:*").array ?? [] {
            #expect(try library.redis.ask("PTTL", key.text ?? "").integer ?? -1 > 0, "\(key.line) never expires")
        }
        #expect(try library.redis.ask("PTTL", "t:seen").integer ?? -1 > 0)
    }

    @Test("what former partitions have seen is forgotten when its window is over, and the rest is not")
    func window() throws {
        let library = try TidingsLibrary(partitions: 2)
        let keys = Array(Self.conversations[..<6])
        #expect(try pass(library, partitions: 2, serial: 1, keys: keys) == Set(keys))
        #expect(try library.hello(partitions: 1).hasPrefix("[OK"))
        let sets = try library.redis.ask("HKEYS", "t:seen").array?.compactMap(\.text) ?? []
        #expect(sets.count == 2)
        // One of the two was begun two windows ago.
        let now = try #require(try library.redis.ask("HGET", "t:seen", sets[0]).integer)
        try library.redis.ask("HSET", "t:seen", sets[0], String(now - 120_000))
        let forgotten = try library.redis.ask("SMEMBERS", sets[0]).array?.compactMap(\.text) ?? []
        #expect(!forgotten.isEmpty && forgotten.count < 6)
        #expect(try pass(library, partitions: 1, serial: 2, keys: keys) == Set(forgotten))
        #expect(try library.redis.ask("HKEYS", "t:seen").line == "[\(sets[1])]")
        #expect(try library.redis.ask("EXISTS", sets[0]).line == "0")
    }

    @Test("a foreign key in place of what is left behind is an error that changes nothing, or counts as nothing")
    func foreign() throws {
        let library = try TidingsLibrary(partitions: 2)
        try library.redis.ask("RPUSH", "{t.1}:dead:a", "x")
        try library.redis.ask("SET", "t:former", "x")
        let before = try library.redis.dump()
        #expect(throws: RedisError.self) { try library.hello(partitions: 1) }
        #expect(try library.redis.dump() == before)
        #expect(try library.call("stats", ["t"]).hasPrefix("{"))
        try library.redis.ask("DEL", "t:former")
        try library.redis.ask("SET", "t:seen", "x")
        #expect(throws: RedisError.self) { try library.hello(partitions: 1) }
        #expect(try pass(library, partitions: 2, serial: 1, keys: ["k"]) == ["k"])
    }

    @Test("a change of many partitions takes no longer for many keys")
    func many() throws {
        let library = try TidingsLibrary(partitions: 64)
        let fill = """
            for p = 0, 63 do
              for i = 1, 10000, 1000 do
                local keys = {}
                for n = i, i + 999 do keys[#keys + 1] = 'e:' .. p .. ':' .. n end
                redis.call('SADD', '{t.' .. p .. '}:seen:new', unpack(keys))
              end
              redis.call('PEXPIRE', '{t.' .. p .. '}:seen:new', 1200000)
            end
            """
        try library.redis.ask("EVAL", fill, "0")
        try library.redis.ask("CONFIG", "RESETSTAT")
        #expect(try library.hello(partitions: 3).hasPrefix("[OK"))
        let statistics = try #require(try library.redis.ask("INFO", "commandstats").text)
        let us = try #require(statistics.firstMatch(of: /cmdstat_fcall:calls=1,usec=(\d+)/).flatMap { Int($0.1) })
        #expect(us < 250_000)
        #expect(try pass(library, partitions: 3, serial: 1, keys: ["e:63:10000", "e:0:1", "e:64:1"]) == ["e:64:1"])
    }

    @Test("lanes with letters are written down when they go, until the last letter is gone")
    func letters() throws {
        let library = try TidingsLibrary(partitions: 4)
        try library.redis.ask("RPUSH", "{t.3}:dead:a", "x", "y")
        try library.redis.ask("RPUSH", "{t.2}:held:b", "z")
        try library.redis.ask("RPUSH", "{t.0}:dead:a", "stays")
        try library.redis.ask("RPUSH", "t:dead:incoming", "stays")
        #expect(try library.hello(partitions: 2).hasPrefix("[OK"))
        func former() throws -> [String] {
            try library.redis.ask("SMEMBERS", "t:former").array?.map(\.line).sorted() ?? []
        }
        #expect(try former() == ["2 b", "3 a"])
        #expect(try library.hello(partitions: 2, stages: "b").hasPrefix("[OK"))
        #expect(try former() == ["0 a", "2 b", "3 a"])
        let stats = try library.call("stats", ["t"])
        let found = try ParsedJSON(parsing: stats)["former"]?.array ?? []
        #expect(found.map { $0["partition"]?.integer } == [0, 2, 3])
        #expect(found.map { $0["dead_letters"]?.integer } == [1, 0, 2])
        #expect(found.map { $0["held_events"]?.integer } == [0, 1, 0])

        let layout = layout(2, ["b"])
        let old = LaneID(stage: "a", partition: 3)
        let goal = layout.lane(of: "b", conversation: "c", from: old)
        #expect(goal == LaneID(stage: "b", partition: layout.partition(of: "c")))
        let x = (raw: Array("x".utf8), event: Array("{}".utf8))
        #expect(try library.call(.moveSetAside(.dead, from: old, to: goal, of: layout, [x])) == 1)
        #expect(try former() == ["0 a", "2 b", "3 a"])
        #expect(try library.counter("in", of: layout.lane(goal)) == 1)
        let y = (raw: Array("y".utf8), event: Array("{}".utf8))
        #expect(try library.call(.moveSetAside(.dead, from: old, to: nil, of: layout, [y])) == 1)
        #expect(try former() == ["0 a", "2 b"])
        // The lane is there again: its letters are its own.
        try library.redis.ask("DEL", layout.queue(goal))
        #expect(try library.hello(partitions: 4, stages: "a,b").hasPrefix("[OK"))
        #expect(try ParsedJSON(parsing: library.call("stats", ["t"]))["former"] == nil)
    }

    @Test("an event goes on in the lane of its conversation; the door finds the partition itself")
    func lanes() {
        let layout = layout(3)
        let old = LaneID(stage: "a", partition: 7)
        for name in Self.conversations {
            #expect(
                layout.lane(of: "b", conversation: name, from: old)
                    == LaneID(stage: "b", partition: layout.partition(of: name)))
        }
        #expect(layout.lane(of: "b", conversation: nil, from: old) == LaneID(stage: "b", partition: 0))
        let own = LaneID(stage: "a", partition: 2)
        #expect(layout.lane(of: "a", conversation: nil, from: own) == own)
        #expect(
            layout.lane(of: LaneID.incoming, conversation: "x", from: own)
                == LaneID(stage: LaneID.incoming, partition: 2))
        #expect(layout.lane(of: LaneID.incoming, conversation: "x", from: old) == .openInlet)
        #expect(layout.lane(of: LaneID.incoming, conversation: "x", from: .openInlet) == .openInlet)
        #expect(layout.lane(of: "a", conversation: nil, from: .openInlet) == LaneID(stage: "a", partition: 0))
        #expect(PipelineLayout.formerLane("12 my stage") == LaneID(stage: "my stage", partition: 12))
        for text in ["", "a", "12", "-1 a", "x a", " a"] { #expect(PipelineLayout.formerLane(text) == nil) }
    }
}
