import Redis
import TestSupport
import Testing

@Suite("what an operator sees")
struct StatusTests {
    private let library: TidingsLibrary

    init() throws {
        library = try TidingsLibrary(partitions: 2)
    }

    @Test("stats are JSON that holds every lane and every process")
    func stats() throws {
        try library.beat("w1", ["host", "h\"\\"])
        let token = try library.token(of: "w1")
        let now = try #require(try library.redis.ask("TIME").array?.first?.integer) * 1000
        try library.enqueue([#"{"received_at":\#(now - 5000)}"#, "no JSON at all \u{7f}"])
        try library.redis.ask("HSET", "{t.1}:lane:b", "paused", "1", "dropped", "3", "dropped:spam", "3")
        try library.redis.ask("RPUSH", "{t.0}:dead:a", "x", "y")
        try library.redis.ask("RPUSH", "{t.0}:held:a", "x")
        try library.redis.ask("SET", "{t.1}:held:b", "no list")
        let stats = try ParsedJSON(parsing: library.call("stats", ["t"]))
        #expect(stats["pipeline"] == "t")
        #expect(stats["partitions"] == 2)
        #expect(stats["stages"] == ["a", "b"])
        let lanes = try #require(stats["lanes"]?.array)
        #expect(lanes.count == 7)
        let head = try #require(lanes.first { $0["queue"] == .string(TidingsLibrary.queue) })
        #expect(head["waiting"] == 2)
        #expect(head["in"] == 2)
        #expect(head["token"] == .string(token))
        #expect(head["owner"] == "w1")
        #expect(head["dead_letters"] == 2 && head["held_events"] == 1)
        // What ever died is another number.
        #expect(head["dead"] == 0 && head["held"] == 0)
        #expect(head["live"] == true)
        #expect((5000...65_000).contains(head["oldest_ms"]?.integer ?? 0))
        #expect((1...60_000).contains(head["lease_ms"]?.integer ?? 0))
        let paused = try #require(lanes.first { $0["queue"] == "{t.1}:queue:b" })
        #expect(paused["paused"] == true)
        #expect(paused["held_events"] == 0)
        #expect(paused["reasons"] == ["spam": 3])
        #expect(paused["live"] == false)
        let process = try #require(stats["processes"]?[0])
        #expect(process["id"] == "w1")
        #expect(process["host"] == "h\"\\")
    }

    @Test("the owner of a lane that has not been heard for long does not count as alive")
    func dead() throws {
        try library.beat("w1")
        _ = try library.token(of: "w1")
        try library.redis.ask("ZADD", "t:procs", "1", "w1")
        let stats = try ParsedJSON(parsing: library.call("stats", ["t"]))
        #expect(stats["lanes"]?.array?.allSatisfy { $0["live"] == false } == true)
    }

    @Test("status has a line for each stage, summed over the partitions, and changes nothing")
    func status() throws {
        try library.redis.ask("RPUSH", "{t.0}:queue:a", "x")
        try library.redis.ask("RPUSH", "{t.1}:queue:a", "x", "y")
        try library.redis.ask("HSET", "{t.0}:lane:b", "out", "5")
        try library.redis.ask("HSET", "{t.1}:lane:b", "out", "7", "paused", "1")
        let before = try library.redis.dump()
        let lines = try #require(try library.redis.ask("FCALL_RO", "tidings_status", "0", "t").array?.map(\.line))
        let words = lines.map { $0.split(separator: " ").map(String.init) }
        #expect(words.map(\.first) == ["stage", "incoming", "a", "b"])
        #expect(Array(words[2][1...]) == ["3", "0", "0", "0", "0", "0", "0/2", "0ms"])
        #expect(Array(words[3][1...]) == ["0", "0", "12", "0", "0", "0", "0/2", "0ms", "paused"])
        #expect(try library.redis.dump() == before)
    }

    @Test("a pipeline that does not exist is said to be missing", arguments: ["stats", "status"])
    func missing(_ function: String) throws {
        let error = try #require(try library.redis.error("FCALL_RO", "tidings_\(function)", "0", "nowhere"))
        #expect(error.message.contains("no pipeline is called nowhere"))
    }

    // A window of a year: it ends in the middle of a test once in a lifetime.
    private static let window = "31536000000"

    private func rate(_ limit: Int, _ words: String..., window: String = StatusTests.window) throws -> String {
        try library.call("rate", keys: ["t:rate"], [window, String(limit)] + words)
    }

    @Test("an author's comments are counted in windows, each one once, and what is too many is not kept")
    func rate() throws {
        #expect(try rate(2, "ann", "1", "bob", "1", "ann", "2", "ann", "3") == "[0, 0, 0, 1]")
        for _ in 0..<3 {
            #expect(try rate(2, "ann", "1", "bob", "1", "ann", "2", "ann", "3") == "[0, 0, 0, 1]", "run again")
        }
        #expect(try rate(2, "bob", "-9223372036854775808", "bob", "7") == "[0, 1]")
        let keys = try #require(try library.redis.ask("KEYS", "t:rate:*").array).map(\.line)
        #expect(keys.count == 2)
        for key in keys {
            #expect(try library.redis.ask("SCARD", key).integer == 2)
            #expect(try #require(try library.redis.ask("PTTL", key).integer) > 0)
        }
    }

    @Test("what was counted at the end of a window is not counted again in the next one")
    func rateOverWindows() throws {
        let number = try #require(try library.redis.ask("TIME").array?.first?.text.flatMap(Int64.init)) / 31_536_000
        try library.redis.ask("SADD", "t:rate:\(number - 1):ann", "1", "2")
        #expect(try rate(2, "ann", "1", "ann", "2", "ann", "3", "ann", "4", "ann", "5") == "[0, 0, 0, 0, 1]")
    }

    @Test("names of any bytes are counted, and a key of another type is an error that nothing was lost by")
    func rateHostile() throws {
        #expect(try rate(1, "", "1", "a\0b", "1", "a:b\r\n", "1", "a\0b", "2") == "[0, 0, 0, 1]")
        let key = try #require(try library.redis.ask("KEYS", "t:rate:*:").array?.first?.line)
        try library.redis.ask("SET", key + "eve", "no set")
        let error = try library.redis.error(
            "FCALL", "tidings_rate", "1", "t:rate", Self.window, "1", "dan", "1", "eve", "1")
        #expect(error?.message.contains("WRONGTYPE") == true)
        #expect(try rate(1, "dan", "1", "dan", "2") == "[0, 1]")
    }
}
