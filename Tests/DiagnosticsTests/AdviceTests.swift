import JSON
import Pipeline
import Redis
import Testing

@testable import Diagnostics

/// What `tidings status` and the dashboard say is wrong, and what to type: situations and their advice, as a table.
struct AdviceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        /// Level, place and line of each advice, in their order.
        let expected: [[String]]
        let change: @Sendable (inout StatusSample) -> Void
        let before: (@Sendable (inout StatusSample) -> Void)?

        init(
            _ name: String, _ expected: [String]..., before: (@Sendable (inout StatusSample) -> Void)? = nil,
            _ change: @escaping @Sendable (inout StatusSample) -> Void
        ) {
            (self.name, self.expected, self.before, self.change) = (name, expected, before, change)
        }

        var testDescription: String { name }
    }

    private static func advise(_ item: Case) -> [Advice] {
        var sample = StatusSample()
        item.change(&sample)
        let earlier = item.before.map { change in
            var sample = StatusSample()
            change(&sample)
            sample.time -= 2000
            return sample.stats.pipeline
        }
        var limits = PipelineLimits()
        limits.queueEvents = 1000
        return sample.report(earlier: earlier, limits: limits, redisCLI: "redis-cli -p 7000").advice
    }

    @Test("each situation has its advice, with the line that helps", arguments: cases)
    func advice(_ item: Case) {
        let advice = Self.advise(item)
        #expect(advice.map { [$0.severity.rawValue, $0.subject, $0.line] } == item.expected)
        for item in advice {
            #expect(!item.what.isEmpty && !item.what.hasSuffix(".") && !item.why.isEmpty && !item.why.hasSuffix("."))
            // A line is a line: nothing in it has to be filled in.
            #expect(!item.line.contains("\n") && !item.line.contains("…") && !item.line.contains("#"))
        }
    }

    static let cases = [
        Case("all is well") { _ in },
        Case("events that pass quickly are no matter") { $0.wait("a", count: 500) },
        Case("events on their way for long in a stage that moves", ["note", "a", "tidings status --watch"]) {
            $0.wait("a", count: 5, oldest: 31_000)
        } _: {
            $0.wait("a", count: 5, oldest: 31_000)
            $0.change("a", ["in": 25, "out": 20])
        },
        Case(
            "events on their way for long in a stage that stands",
            ["warning", "a", "journalctl -u tidings-work --since -10min | grep 'stage failed'"]
        ) {
            $0.wait("a", count: 5, oldest: 31_000)
        } _: {
            $0.wait("a", count: 5, oldest: 31_000)
        },
        Case(
            "the same without an earlier look",
            ["warning", "a", "journalctl -u tidings-work --since -10min | grep 'stage failed'"]
        ) { $0.wait("a", count: 5, oldest: 31_000) },
        Case("a paused stage is not called stuck as well", ["warning", "a", "tidings resume a"]) {
            $0.wait("a", count: 5, oldest: 31_000)
            $0.change("a", ["paused": true])
        },
        Case("one paused lane", ["warning", "b", "tidings resume b"]) { $0.change("b", 1, ["paused": true]) },
        Case("paused doors", ["warning", "incoming", "tidings resume incoming"]) {
            $0.change("incoming", ["paused": true])
        },
        Case("no worker at all", ["fault", "workers", "tidings work"]) {
            $0.processes.remove(at: 0)
        },
        Case("no worker for one stage", ["fault", "b", "tidings work b"]) {
            $0.change(process: 0, ["stages": "incoming,a"])
            $0.change("b", ["owner": ""])
        },
        Case("a worker that is about to end is none", ["fault", "b", "tidings work b"]) {
            $0.change(process: 0, ["stages": "incoming,a"])
            $0.processes.append(["id": "w2", "role": "worker", "stages": "b", "leaving": "1"])
            $0.change("b", ["owner": ""])
        },
        Case("a lane between two workers", ["note", "b", "tidings status --watch"]) {
            $0.change("b", 0, ["owner": ""])
        },
        Case("a lane of a dead worker", ["note", "b", "tidings status --watch"]) { $0.change("b", 0, ["owner": "w7"]) },
        Case("a lane that stays without a worker", ["warning", "b", "tidings status --watch"]) {
            $0.change("b", 0, ["owner": ""])
        } _: {
            $0.change("b", 0, ["owner": ""])
        },
        Case("no edge", ["warning", "edges", "tidings edge"]) { $0.processes.remove(at: 1) },
        Case("a full queue", ["warning", "b", "tidings work b"]) { $0.wait("b", 0, count: 1000) },
        Case("full queues in a row: only the last is the cause", ["warning", "b", "tidings work b"]) {
            $0.wait("a", count: 1000, oldest: 60_000)
            $0.wait("b", 1, count: 1200, oldest: 60_000)
        },
        Case("a full queue of a paused stage", ["warning", "b", "tidings resume b"]) {
            $0.wait("b", count: 1000, oldest: 60_000)
            $0.change("b", ["paused": true])
        },
        Case("much waits at the open door", ["warning", "a", "tidings work a"]) {
            $0.change("incoming", ["waiting": 50_000])
            $0.wait("a", count: 1000)
        },
        Case("an event that kills", ["warning", "b", "redis-cli -p 7000 LRANGE '{t.1}:queue:b' 0 0"]) {
            $0.change("b", 1, ["attempts": 2])
        },
        Case("one death is no pattern") { $0.change("b", 1, ["attempts": 1]) },
        Case("dead letters", ["warning", "dead", "tidings dead list"]) {
            $0.change("a", 0, ["dead_letters": 2, "dead": 5, "in": 15])
        },
        Case("letters that were seen to are no matter any more") { $0.change("a", 0, ["dead": 5, "in": 15]) },
        Case("held events", ["note", "held", "tidings held list"]) {
            $0.change("a", 0, ["held_events": 1, "held": 1, "in": 11])
        },
        Case("counters that do not add up", ["fault", "a", "tidings doctor"]) { $0.change("a", 0, ["out": 8]) },
        Case("counters of several lanes that do not add up", ["fault", "a", "tidings doctor"]) {
            $0.change("a", ["out": 8])
        },
        Case(
            "worst first", ["fault", "redis", "tidings doctor --fix"], ["warning", "a", "tidings resume a"],
            ["note", "held", "tidings held list"]
        ) {
            $0.change("a", ["paused": true])
            $0.change("b", ["held_events": 1])
            $0.info["maxmemory_policy"] = "allkeys-lru"
        },
        Case("memory is short", ["warning", "redis", "redis-cli -p 7000 --bigkeys"]) {
            $0.info["maxmemory"] = "1310720"
        },
        Case("memory is full", ["fault", "redis", "redis-cli -p 7000 --bigkeys"]) { $0.info["maxmemory"] = "1000000" },
        Case("memory is plenty") { $0.info["maxmemory"] = "1400000" },
        Case("the disk is full", ["fault", "redis", "redis-cli -p 7000 CONFIG GET dir"]) {
            $0.info["aof_last_write_status"] = "err"
        },
        Case("nothing is known of Redis") { $0.info = [:] },
        Case("a silent worker", ["warning", "workers", "ps -o pid,stat,etime,args -p 11"]) {
            $0.change(process: 0, ["beat": .string(String(StatusSample.time - 9000))])
        },
        Case("a slow Redis", ["warning", "redis", "redis-cli -p 7000 SLOWLOG GET 10"]) {
            $0.change(process: 1, ["redis_us": "20000"])
        },
    ]

    @Test(
        "a Redis that gives no report has its own advice",
        arguments: [
            (RedisError(.disconnected, "no connection"), "fault", "redis-cli PING"),
            (RedisError(.timeout, "no answer"), "fault", "redis-cli PING"),
            (RedisError(reply: "LOADING Redis is loading"), "fault", "redis-cli INFO persistence | grep loading"),
            (RedisError(reply: "NOPERM no rights"), "fault", "tidings doctor"),
            (RedisError(reply: "ERR Function not found"), "fault", "tidings doctor --fix"),
            (RedisError(reply: "BUSY a script"), "fault", "redis-cli FUNCTION STATS"),
            (RedisError(reply: "ERR no pipeline is called t; start one"), "warning", "tidings work"),
            (RedisError(reply: "ERR something else"), "fault", "tidings doctor"),
        ])
    func unreachable(error: RedisError, level: String, line: String) {
        let advice = Advice(noReport: error, pipeline: "t", redisCLI: "redis-cli")
        #expect(advice.severity.rawValue == level && advice.line == line)
    }

    @Test("the text says all well, or each line in full; the document names the worst")
    func text() throws {
        let table = StatusTable(coloured: false)
        #expect(table.text([]) == "all well\n")
        var sample = StatusSample()
        sample.change("a", ["paused": true])
        let report = sample.report()
        let text = table.text(report)
        #expect(text.contains("\nwarning: a is paused and takes nothing; 0 events wait\n    somebody paused it\n"))
        #expect(text.hasSuffix("    $ tidings resume a\n"))
        let document = report.document
        #expect(document["state"] == "warning" && document["advice"]?.array?.first?["type"] == "tidings resume a")
        #expect(document["redis"]?["used_memory"] == 1_048_576 && document["redis"]?["redis_version"] == "7.0.15")
        #expect(document["lanes"] == report.stats.object["lanes"])
        #expect(StatusSample().report().document["state"] == "well")
    }
}
