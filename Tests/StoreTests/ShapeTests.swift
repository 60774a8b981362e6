import Redis
import Store
import TestSupport
import Testing

/// A process that slept through a change of the shape calls with the shape that it knows.
@Suite("the shape that a call names")
struct ShapeTests {
    private let library: TidingsLibrary
    private let old = PipelineLayout(name: "t", partitions: 4, stages: ["a", "b"])

    init() throws {
        library = try TidingsLibrary(partitions: 4)
    }

    private func isRefused<Answer>(_ call: FunctionCall<Answer>) throws -> Bool {
        let before = try library.redis.dump()
        do {
            _ = try library.call(call)
            return false
        } catch let error as RedisError where error.code == .outdated {
            #expect(error.message.contains("in Redis, 1/4/a,b here"))
            #expect(try library.redis.dump() == before, "nothing was changed")
            return true
        }
    }

    private func commit(_ lane: LaneID, _ token: String, _ event: String, serial: Int = 1) -> FunctionCall<CommitAnswer>
    {
        let raw = Array(event.utf8)
        var commit = Commit(lane: lane, token: token, serial: serial, taking: [raw][...], lease: 60_000)
        commit.operations = [.push(to: LaneID(stage: "b", partition: lane.partition), limit: 0, [raw])]
        return .commit(commit, of: old)
    }

    @Test(
        "every call that writes is refused once another process has changed it, and nothing is changed",
        arguments: [(2, "a,b"), (4, "a,c"), (8, "a,b")])
    func changed(_ partitions: Int, _ stages: String) throws {
        let lane = LaneID(stage: "a", partition: 3)
        let event = Array(#"{"x":1}"#.utf8)
        guard case .granted(let token) = try library.call(.claim(lane, of: old, owner: "w1", lease: 60_000)),
            case .granted(let open) = try library.call(.claim(.openInlet, of: old, owner: "w1", lease: 60_000))
        else {
            Issue.record("the lanes are free")
            return
        }
        #expect(try library.call(.enqueue([3: [event]], for: "a", of: old, limit: 0)) == .done)
        #expect(try library.call(commit(lane, token, #"{"x":1}"#)) == .done(forgotten: 0))
        try library.redis.ask("DEL", "{t.3}:queue:b")

        #expect(try library.hello(partitions: partitions, stages: stages).hasPrefix("[OK"))
        // As if by a process that was frozen in the middle of a batch.
        try library.redis.ask("RPUSH", "{t.3}:queue:a", "late")
        try library.redis.ask("RPUSH", "{t.3}:dead:a", "letter")
        for partition in 0..<4 {
            #expect(try isRefused(.enqueue([partition: [event]], for: "a", of: old, limit: 0)), "\(partition)")
        }
        #expect(try isRefused(commit(lane, token, "late", serial: 2)))
        #expect(try isRefused(.claim(LaneID(stage: "b", partition: 3), of: old, owner: "w1", lease: 60_000)))
        #expect(
            try isRefused(.balance(old, worker: "w1", stages: ["a", "b"], lease: 60_000, takesLanes: true)))
        #expect(
            try isRefused(.draw(from: Inlet(.queue, "q"), into: old, token: open, count: 10, limit: 10)))
        #expect(
            try isRefused(
                .moveSetAside(.dead, from: lane, to: lane, of: old, [(Array("letter".utf8), Array("{}".utf8))])))
        #expect(
            try isRefused(
                .beat(old, process: "w1", role: "worker", stages: ["a"], lifetime: 15_000, fields: [])))
        #expect(try library.redis.ask("ZCARD", "t:procs").integer == 0, "it is not listed")

        // It is its own again.
        try library.redis.ask("DEL", "{t.3}:queue:a")
        #expect(try library.hello(partitions: 4).hasPrefix("[OK"))
        #expect(try library.call(.enqueue([3: [event]], for: "a", of: old, limit: 0)) == .done)
    }

    @Test("a change of the shape leaves the epoch as it is: no reader is reset")
    func epoch() throws {
        let epoch = try library.redis.ask("HGET", "{t.0}:epoch", "number").line
        #expect(try library.hello(partitions: 8) == "[OK, \(epoch)]")
        #expect(try library.redis.ask("HGET", "{t.7}:epoch", "number").line == epoch)
        #expect(try library.hello(partitions: 2) == "[OK, \(epoch)]")
        #expect(try library.redis.ask("HGET", "{t.7}:epoch", "shape").line == "1/2/a,b")
    }

    @Test("after FLUSHALL nothing is taken in until a process has greeted")
    func flushed() throws {
        try library.redis.ask("FLUSHALL")
        let event = Array("{}".utf8)
        #expect(throws: RedisError.self) { try library.call(.enqueue([0: [event]], for: "a", of: old, limit: 0)) }
        #expect(try library.hello(partitions: 4).hasPrefix("[OK"))
        #expect(try library.call(.enqueue([0: [event]], for: "a", of: old, limit: 0)) == .done)
    }
}
