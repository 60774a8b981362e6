import Redis
import Store
import TestSupport
import Testing

@Suite("calls that follow each other")
struct EnqueueNextTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary()
    }

    private func next(_ run: String, _ number: Int, _ events: [String], limit: Int = 0) throws -> String {
        try library.call(
            "enqueue_next", keys: [TidingsLibrary.queue, TidingsLibrary.lane],
            [run, String(number), String(limit), String(events.count)] + events)
    }

    @Test("the calls of a run are taken in their order, and counted")
    func order() throws {
        #expect(try next("r", 0, ["1", "2"]) == "[OK]")
        #expect(try next("r", 1, ["3"]) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["1", "2", "3"])
        #expect(try library.counter("in") == 3)
        #expect(try library.imbalance() == 0)
    }

    @Test("a call is skipped when the one before it is missing, was taken already, or was refused, and nothing changes")
    func skipped() throws {
        #expect(try next("r", 1, ["x"]) == "[SKIPPED]")
        #expect(try next("r", 0, ["1"]) == "[OK]")
        let before = try library.redis.dump()
        #expect(try next("r", 0, ["x"]) == "[SKIPPED]")
        #expect(try next("r", 2, ["x"]) == "[SKIPPED]")
        #expect(try next("r", 1, ["x"], limit: 1) == "[FULL, \(TidingsLibrary.queue), 1]")
        #expect(try next("r", 2, ["x"]) == "[SKIPPED]")
        #expect(try library.redis.dump() == before)
        #expect(try next("r", 1, ["2"]) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["1", "2"])
    }

    @Test("a refusal by an error skips what follows as well: a foreign key, another shape, a full memory")
    func errors() throws {
        #expect(try next("r", 0, ["1"]) == "[OK]")
        let keys = [TidingsLibrary.queue, TidingsLibrary.lane]
        #expect(throws: RedisError.self) {
            try library.call("enqueue_next", keys: keys, ["r", "1", "0", "1", "x", "1/8/elsewhere"])
        }
        #expect(try next("r", 2, ["x"]) == "[SKIPPED]")
        try library.redis.ask("CONFIG", "SET", "maxmemory", "1")
        #expect(throws: RedisError.self) { try next("r", 1, ["x"]) }
        try library.redis.ask("CONFIG", "SET", "maxmemory", "0")
        #expect(try next("r", 2, ["x"]) == "[SKIPPED]")
        try library.redis.ask("RENAME", TidingsLibrary.queue, "aside")
        try library.redis.ask("SET", TidingsLibrary.queue, "foreign")
        #expect(throws: RedisError.self) { try next("r", 1, ["x"]) }
        #expect(try next("r", 2, ["x"]) == "[SKIPPED]")
        try library.redis.ask("RENAME", "aside", TidingsLibrary.queue)
        #expect(try next("r", 1, ["2"]) == "[OK]")
        #expect(try library.list(TidingsLibrary.queue) == ["1", "2"])
    }

    @Test("runs do not touch each other, and one that was forgotten is skipped")
    func forgotten() throws {
        #expect(try next("old", 0, ["1"]) == "[OK]")
        for number in 0..<255 { #expect(try next("r\(number)", 0, ["y"]) == "[OK]") }
        #expect(try next("old", 1, ["2"]) == "[OK]")
        #expect(try next("one more", 0, ["y"]) == "[OK]")
        #expect(try next("old", 2, ["x"]) == "[SKIPPED]")
        #expect(try next("r254", 1, ["y"]) == "[OK]")
    }

    @Test("a library that was loaded anew skips the rest of a run")
    func loadedAnew() throws {
        #expect(try next("r", 0, ["1"]) == "[OK]")
        var load = RedisCommand("FUNCTION", "LOAD", "REPLACE")
        load.append(FunctionLibrary.tidings.source)
        try library.redis.ask(load)
        #expect(try next("r", 1, ["x"]) == "[SKIPPED]")
        #expect(try library.list(TidingsLibrary.queue) == ["1"])
    }

    @Test("a batch's events go to their partitions as they are, in their order")
    func batch() throws {
        let library = try TidingsLibrary(partitions: 3)
        let layout = PipelineLayout(name: "t", partitions: 3, stages: ["a", "b"])
        var batch = EventBatch()
        #expect(batch.isEmpty)
        for (text, partition) in [("1\0", 2), ("2", 0), ("3\r\n$1\r\n", 2), ("", 2)] {
            Array(text.utf8).withUnsafeBytes { batch.append($0, to: partition) }
        }
        #expect(batch.count == 4 && batch.bytes == 10)
        #expect(
            try library.call(
                .enqueue(batch, in: EnqueueTurn(run: "r", number: 0), for: "a", of: layout, limit: 0)) == .done)
        #expect(
            try library.call(.enqueue(batch, in: EnqueueTurn(run: "r", number: 2), for: "a", of: layout, limit: 0))
                == .skipped)
        #expect(try library.list("{t.0}:queue:a") == ["2"])
        #expect(try library.list("{t.1}:queue:a") == [])
        #expect(try library.list("{t.2}:queue:a") == ["1\0", "3\r\n$1\r\n", ""])
    }
}
