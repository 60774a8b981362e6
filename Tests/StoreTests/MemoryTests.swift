import Redis
import TestSupport
import Testing

@Suite("a full memory")
struct MemoryTests {
    @Test("shuts the door, while lanes are claimed, drained and released")
    func full() throws {
        let library = try TidingsLibrary(maxMemory: "4mb")
        let event = String(repeating: "x", count: 4000)
        var waiting = 0
        var refusal: RedisError?
        while refusal == nil, waiting < 10_000 {
            refusal = try library.redis.error(
                "FCALL", "tidings_enqueue", "2", TidingsLibrary.queue, TidingsLibrary.lane, "0", "1", event)
            if refusal == nil { waiting += 1 }
        }
        #expect(refusal?.code == .outOfMemory)
        #expect(try library.redis.ask("LLEN", TidingsLibrary.queue).integer == Int64(waiting))
        #expect(try library.counter("in") == Int64(waiting))
        #expect(
            try library.redis.error("FCALL", "tidings_publish", "0", "c", "10", "60000", event)?.code == .outOfMemory)

        try library.beat("w1")
        let token = try library.token(of: "w1")
        #expect(try library.attempt(token) == "[OK, 1, 0, 0]")
        let batch = Array(repeating: event, count: 10)
        #expect(try library.commit(token: token, serial: 1, batch, TidingsLibrary.push(batch)) == "[OK]")
        #expect(
            try library.commit(
                token: token, serial: 2, batch,
                ["feeds", "5", "60000", TidingsLibrary.dead, "9", "10"] + batch + ["1", "c", "10"]
                    + (1...10).map(String.init), ["count", "out", "10"]) == "[OK]")
        #expect(try library.imbalance() == 0)
        #expect(try library.call("release", keys: [TidingsLibrary.lane], [token, "t"]) == "[OK]")
        #expect(try library.hello().hasPrefix("[OK, "))
    }
}
