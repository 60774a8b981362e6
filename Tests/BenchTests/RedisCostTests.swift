import Redis
import Testing

@testable import Bench

@Suite("What events cost Redis")
struct RedisCostTests {
    private static func snapshot(
        processor: Double, memory: Int = 1_000_000, keys: Int = 0, commands: [String] = []
    ) -> RedisSnapshot {
        var lines = [
            "# Memory", "used_memory:\(memory)", "used_memory_functions:100000", "mem_aof_buffer:50000",
            "used_cpu_sys:\(processor / 4)", "used_cpu_user:\(processor * 3 / 4)",
        ]
        if keys > 0 { lines.append("db0:keys=\(keys),expires=3,avg_ttl=0") }
        return RedisSnapshot(info: (lines + commands).joined(separator: "\r\n"))
    }

    @Test("INFO is read: processor time, memory without functions, keys, calls and the longest of them")
    func info() {
        let snapshot = Self.snapshot(
            processor: 2, keys: 42,
            commands: [
                "cmdstat_fcall:calls=10,usec=500,usec_per_call=50.00,rejected_calls=0,failed_calls=0",
                "cmdstat_config|set:calls=3,usec=30,usec_per_call=10.00,rejected_calls=0,failed_calls=0",
                "latency_percentiles_usec_fcall:p100=4194.303",
            ])
        #expect(snapshot.processor == 2 && snapshot.bytes == 850_000 && snapshot.keys == 42)
        #expect(snapshot.commands["fcall"]?.calls == 10 && snapshot.commands["fcall"]?.microseconds == 500)
        #expect(snapshot.longest == ["fcall": 4194.303])
    }

    @Test("a cost is what was done and what stayed, divided by the events")
    func cost() {
        let empty = Self.snapshot(processor: 1)
        let start = Self.snapshot(processor: 1.5, memory: 9_000_000)
        let end = Self.snapshot(
            processor: 3.5, memory: 8_000_000,
            commands: [
                "cmdstat_fcall:calls=10,usec=500", "cmdstat_rpush:calls=30,usec=200", "cmdstat_hmget:calls=50,usec=100",
                "latency_percentiles_usec_fcall:p100=20", "latency_percentiles_usec_rpush:p100=7",
            ])
        let kept = Self.snapshot(processor: 9, memory: 1_500_000, keys: 300)
        let cost = RedisCost(
            events: 100, empty: empty, start: start, end: end, kept: kept, slowCalls: 2, looks: ["hmget": 40])
        #expect(cost.microseconds == 20_000 && cost.bytes == 5000 && cost.keys == 3)
        #expect(cost.commands == 0.5)
        #expect(cost.byCommand.map(\.name) == ["fcall", "rpush", "hmget"])
        #expect(cost.byCommand.last?.calls == 0.1 && cost.byCommand.last?.microseconds == 0.2)
        #expect(cost.longest.command == "fcall" && cost.longest.microseconds == 20 && cost.slowCalls == 2)
    }

    @Test("what the benchmark itself asks is not counted, nor the loading of functions")
    func own() {
        let nothing = Self.snapshot(processor: 0)
        let end = Self.snapshot(
            processor: 0,
            commands: [
                "cmdstat_info:calls=2,usec=500", "cmdstat_function|load:calls=1,usec=3000",
                "cmdstat_config|resetstat:calls=1,usec=1", "cmdstat_hmget:calls=40,usec=100",
                "latency_percentiles_usec_function|load:p100=3000", "latency_percentiles_usec_set:p100=1",
            ])
        let cost = RedisCost(
            events: 1, empty: nothing, start: nothing, end: end, kept: end, slowCalls: 0, looks: ["hmget": 40])
        #expect(cost.commands == 0 && cost.byCommand.isEmpty && cost.longest.command == "set")
    }
}

@Suite("Calls that Redis logs")
struct RedisCallTests {
    private static func entry(_ microseconds: Int64, _ words: String...) -> RedisValue {
        .array([
            .integer(1), .integer(1_700_000_000), .integer(microseconds), .array(words.map { .string(Array($0.utf8)) }),
        ])
    }

    @Test("functions are told apart by name, commits by stage, and the benchmark's own calls are known")
    func names() throws {
        let commit = try #require(
            RedisCall(Self.entry(1500, "FCALL", "tidings_commit", "5", "{b.1}:epoch", "{b.1}:lane:publish", "x")))
        #expect(commit.name == "tidings_commit publish" && commit.microseconds == 1500 && !commit.isOwn)
        #expect(RedisCall(Self.entry(1, "fcall_ro", "tidings_history", "1", "{b.1}:lane:x"))?.name == "tidings_history")
        #expect(RedisCall(Self.entry(1, "LRANGE", "k", "0", "9"))?.name == "lrange")
        #expect(RedisCall(Self.entry(1, "INFO", "everything"))?.isOwn == true)
        #expect(RedisCall(Self.entry(1, "CONFIG", "RESETSTAT"))?.isOwn == true)
        #expect(RedisCall(.array([.integer(1)])) == nil)
    }

    @Test("calls of one name are added up, the dearest first")
    func totals() {
        let calls = [("LRANGE", 10), ("PING", 500), ("LRANGE", 30)].compactMap { RedisCall(Self.entry(Int64($1), $0)) }
        let totals = RedisCallTotal.totals(calls, events: 10)
        #expect(totals.map(\.name) == ["ping", "lrange"])
        #expect(totals[1] == RedisCallTotal(name: "lrange", calls: 0.2, microseconds: 4, longest: 30))
    }
}

@Suite("Tables of bench pipeline")
struct BenchTableTests {
    private static func result(_ rate: Double, microseconds: Double) -> BenchResult {
        let before = RedisSnapshot(info: "used_cpu_user:0\r\nused_memory:0")
        let after = RedisSnapshot(info: "used_cpu_user:\(microseconds / 1e6)\r\nused_memory:100")
        return BenchResult(
            eventsPerSecond: rate,
            cost: RedisCost(events: 1, empty: before, start: before, end: after, kept: after, slowCalls: 0))
    }

    @Test("a program beside this one is compared pair by pair, by the median")
    func comparison() throws {
        let figures = [(100.0, 200.0), (300, 100), (90, 100)].map { here, there in
            BenchFigure(
                shape: "p", input: .worst, workers: Self.result(1000, microseconds: here), bare: nil,
                beside: Self.result(500, microseconds: there))
        }
        let table = BenchTable(figures, workers: 2).text.split(separator: "\n").map(String.init)
        let row = try #require(table.last).split(separator: " ").map(String.init)
        #expect(row == ["p", "2.00", "0.90", "1.00"])
        #expect(
            table.contains { $0.hasPrefix("p, beside") }
                && !table.contains { $0.contains("bare loop ") && $0.hasPrefix("p,") })
        #expect(
            !BenchTable(
                [BenchFigure(shape: "p", input: .worst, workers: Self.result(1, microseconds: 1), bare: nil)],
                workers: 1
            )
            .text.contains("beside"))
    }

    @Test("numbers have the digits that were asked for")
    func numbers() {
        #expect(BenchTable.number(0.999, 2) == "1.00" && BenchTable.number(12.345, 1) == "12.3")
        #expect(BenchTable.number(-0.05, 2) == "-0.05" && BenchTable.number(-0.001, 2) == "0.00")
        #expect(BenchTable.number(7.6, 0) == "8" && BenchTable.number(1 / 0, 2) == "-")
    }
}
