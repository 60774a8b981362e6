import Foundation
import Pipeline
import Testing

@testable import Console
@testable import Diagnostics

/// The rules of `tidings doctor` and `tidings status`: facts in, findings out.
struct RuleTests {
    /// A change to sound facts, and what one rule has to make of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let rule: String
        /// Nil: all is well.
        let severity: Severity?
        let change: @Sendable (inout Facts) -> Void

        init(
            _ description: String, _ rule: String, _ severity: Severity?,
            _ change: @escaping @Sendable (inout Facts) -> Void
        ) {
            testDescription = description
            self.rule = rule
            self.severity = severity
            self.change = change
        }
    }

    @Test("sound facts are well by every rule")
    func sound() {
        for result in Report(.sound).results {
            guard case .well = result.outcome else {
                Issue.record("\(result.rule.id): \(result.outcome)")
                continue
            }
        }
    }

    @Test("a rule finds what it is for, and only then", arguments: cases)
    func judged(_ each: Case) throws {
        var facts = Facts.sound
        each.change(&facts)
        let result = try #require(Report(facts).results.first { $0.rule.id == each.rule })
        #expect(result.outcome.severity == each.severity, "\(result.outcome)")
    }

    @Test("every rule has an id of its own, which the documentation explains")
    func documented() throws {
        let ids = Rule.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(contentsOf: root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
        #expect(ids.filter { !text.contains("`\($0)`") } == [])
    }

    @Test("facts that were refused make a rule unknown, never well and never a crash")
    func missing() {
        var facts = Facts.sound
        facts.server.info = [:]
        facts.server.infoDenied = "NOPERM"
        facts.settings = ServerSettings(denied: "NOPERM")
        facts.system = SystemFacts()
        for result in Report(facts).results where result.rule.group == .system {
            if case .well(let says) = result.outcome { Issue.record("\(result.rule.id): \(says)") }
        }
        for id in ["redis-version", "redis-append-only", "redis-eviction", "redis-memory", "redis-timeout", "epoch"] {
            let result = Report(facts).results.first { $0.rule.id == id }
            #expect(result?.outcome == .unknown("NOPERM"), "\(id)")
        }
    }

    @Test("a rule is not judged without the facts that it needs, as in status")
    func ungathered() {
        var facts = Facts.sound
        (facts.settings, facts.probes, facts.keys, facts.feeds, facts.system) = (nil, nil, nil, nil, nil)
        let ids = Report(facts).results.map(\.rule.id)
        let judged = ["redis-eviction", "redis-memory", "lane-balance", "lane-unserved", "letters", "process-silent"]
        #expect(judged.allSatisfy(ids.contains))
        let ungathered = ["redis-timeout", "redis-latency", "epoch", "lane-owner", "feed-gap", "system-disk"]
        #expect(!ungathered.contains(where: ids.contains))
    }

    @Test("holes, ids and items of a feed are told apart")
    func comparison() {
        var feed = FeedFacts(name: "{thread:1}")
        FeedSurvey.compare(&feed, ids: ["9", "10", "12", "14"], items: ["9", "10", "11", "14"])
        #expect(feed.idsWithoutItem == ["12"])
        #expect(feed.itemsWithoutID == ["11"])
        #expect(feed.holes == [13])
        #expect(feed.oldest == 9 && feed.newest == 14)
    }

    @Test(
        "a key of a lane that is not there is recognised, others are not",
        arguments: [
            ("{comments.3}:queue:score", "queue score 3"), ("{comments.8}:queue:format", "queue format 8"),
            ("{comments.8}:incoming", "queue incoming 8"), ("{comments.0}:dead:score", "dead score 0"),
            ("{comments.0}:queue:a:b", "queue a:b 0"), ("{comments.0}:queue:format", nil),
            ("{comments.0}:incoming", nil),
            ("{comments.0}:epoch", nil), ("{comments.0}:seen:new", nil), ("{comments2.0}:queue:x", nil),
            ("{comments.x}:queue:x", nil), ("{comments.-1}:queue:x", nil), ("comments:incoming", nil),
            ("{comments.0}", nil), ("{comments.0", nil),
        ] as [(String, String?)])
    func strays(key: String, expected: String?) {
        let stray = KeySurvey.stray(key, layout: Facts.sound.pipeline.layout)
        #expect(stray.map { "\($0.kind) \($0.stage) \($0.partition)" } == expected)
    }

    @Test(
        "words are quoted for a shell only where they need it",
        arguments: [("appendonly", "appendonly"), ("{c.0}:x", "'{c.0}:x'"), ("it's", #"'it'\''s'"#), ("", "''")])
    func quoting(word: String, expected: String) {
        #expect(ShellQuote.quoted(word) == expected)
    }

    @Test("the report is one line when all is well, and names level, place, remedy and check when not")
    func report() {
        let well = DoctorReport(Report(.sound))
        #expect(well.text(verbose: false, coloured: false) == "\(Rule.all.count) checks, all well\n")
        var facts = Facts.sound
        facts.server.info["maxmemory_policy"] = "allkeys-lru"
        let sick = DoctorReport(
            Report(facts),
            repairs: [
                .init(repair: .loadFunctions, failure: nil, remark: nil),
                .init(repair: .unlistFeed("{x}"), failure: "READONLY", remark: nil),
            ])
        #expect(
            sick.text(verbose: false, coloured: false) == """
                fixed: loaded the functions
                not fixed: cannot remove {x} from feeds: READONLY

                Redis 7.0.15
                  fault    Redis may delete queues and feeds: maxmemory-policy is allkeys-lru [redis-eviction]
                           when memory is short it deletes keys, and events with them
                           at maxmemory-policy allkeys-lru
                           > redis-cli CONFIG SET maxmemory-policy noeviction   # and maxmemory-policy noeviction in redis.conf
                           --fix does it

                \(Rule.all.count) checks: \(Rule.all.count - 1) well, 1 fault; --fix repairs 1

                """)
        #expect(sick.text(verbose: false, coloured: true).contains("\u{1B}[31m  fault"))
    }
}
