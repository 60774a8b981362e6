import Redis
import TestSupport
import Testing

@Suite("what an operator does")
struct OperatorTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary(partitions: 2)
    }

    @Test("letters are put back into a queue, each once, and counted there as arrivals")
    func letters() throws {
        try library.redis.ask("RPUSH", TidingsLibrary.dead, "letter 1", "letter 2", "letter 3")
        let keys = [TidingsLibrary.dead, TidingsLibrary.queue, TidingsLibrary.lane]
        #expect(try library.call("letters", keys: keys, ["letter 1", "1", "letter 3", "3", "letter 9", "9"]) == "2")
        #expect(try library.call("letters", keys: keys, ["letter 1", "1"]) == "0")
        #expect(try library.list(TidingsLibrary.queue) == ["1", "3"])
        #expect(try library.list(TidingsLibrary.dead) == ["letter 2"])
        #expect(try library.counter("in") == 2)
        #expect(try library.call("letters", keys: [TidingsLibrary.dead, "", ""], ["letter 2", ""]) == "1")
        #expect(try library.redis.ask("EXISTS", TidingsLibrary.dead).integer == 0)
    }

    @Test("a purged queue is empty, what was in it counts as dropped, and the batch in hand finds it changed")
    func purge() throws {
        let token = try library.token(of: "w1")
        try library.enqueue(["1", "2", "3"])
        #expect(try library.call("purge", keys: [TidingsLibrary.queue, TidingsLibrary.lane], []) == "3")
        #expect(try library.call("purge", keys: [TidingsLibrary.queue, TidingsLibrary.lane], []) == "0")
        #expect(try library.counter("dropped:purged") == 3)
        #expect(try library.imbalance() == 0)
        #expect(try library.commit(token: token, serial: 1, ["1"], TidingsLibrary.push(["1"])) == "[MOVED]")
        try library.redis.ask("RPUSH", "t:incoming", "x")
        #expect(try library.call("purge", keys: ["t:incoming", "t:lane:incoming"], []) == "1")
        #expect(try library.counter("in", of: "t:lane:incoming") == 1)
    }

    @Test("a stage is paused and resumed in every partition, and the workers are told")
    func pause() throws {
        let heard = try Announcements(["t:control"], library: library)
        #expect(try library.call("pause", ["t", "b", "1"]) == "2")
        #expect(try library.redis.ask("HGET", "{t.1}:lane:b", "paused").line == "1")
        #expect(try library.call("pause", ["t", "b", "0"]) == "2")
        #expect(try library.redis.ask("HGET", "{t.0}:lane:b", "paused").line == "0")
        #expect(try library.call("pause", ["t", "incoming", "1"]) == "3")
        #expect(try library.call("pause", ["t", "unknown", "1"]) == "0")
        #expect(try library.call("pause", ["nowhere", "b", "1"]) == "0")
        #expect(try heard.first(3) == Array(repeating: "t:control pause", count: 3))
    }
}
