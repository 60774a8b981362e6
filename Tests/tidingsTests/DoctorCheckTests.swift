import Foundation
import Pipeline
import Testing

@testable import Commands
@testable import Console
@testable import Diagnostics

/// The judgements of `tidings doctor`: facts in, findings out.
struct DoctorCheckTests {
    /// A change to sound facts, and what one check has to make of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let check: String
        /// Nil: all is well.
        let level: FindingLevel?
        let change: @Sendable (inout DoctorFacts) -> Void

        init(
            _ description: String, _ check: String, _ level: FindingLevel?,
            _ change: @escaping @Sendable (inout DoctorFacts) -> Void
        ) {
            testDescription = description
            self.check = check
            self.level = level
            self.change = change
        }
    }

    @Test("sound facts are well in every check")
    func sound() {
        for result in Examination(facts: .sound).results {
            guard case .well = result.verdict else {
                Issue.record("\(result.check.id): \(result.verdict)")
                continue
            }
        }
    }

    @Test("a check finds what it is for, and only then", arguments: cases)
    func judged(_ each: Case) throws {
        var facts = DoctorFacts.sound
        each.change(&facts)
        let result = try #require(Examination(facts: facts).results.first { $0.check.id == each.check })
        #expect(result.verdict.level == each.level, "\(result.verdict)")
    }

    @Test("every check has an id of its own, which the documentation explains")
    func documented() throws {
        let ids = DoctorCheck.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(contentsOf: root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
        #expect(ids.filter { !text.contains("`\($0)`") } == [])
    }

    @Test("facts that are missing make a check unknown, never well and never a crash")
    func missing() {
        var facts = DoctorFacts.sound
        facts.server.info = [:]
        facts.server.infoDenied = "NOPERM"
        facts.server.settings = [:]
        facts.server.settingsDenied = "NOPERM"
        facts.system = SystemFacts()
        for result in Examination(facts: facts).results where result.check.group == .system {
            if case .well(let says) = result.verdict { Issue.record("\(result.check.id): \(says)") }
        }
        for id in ["redis-version", "redis-append-only", "redis-eviction", "redis-memory", "redis-timeout", "epoch"] {
            let result = Examination(facts: facts).results.first { $0.check.id == id }
            #expect(result?.verdict == .unknown("NOPERM"), "\(id)")
        }
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
        let stray = KeySurvey.stray(key, layout: DoctorFacts.sound.expected)
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
        let well = DoctorReport(Examination(facts: .sound))
        #expect(well.text(verbose: false, coloured: false) == "\(DoctorCheck.all.count) checks, all well\n")
        var facts = DoctorFacts.sound
        facts.server.info["maxmemory_policy"] = "allkeys-lru"
        let sick = DoctorReport(
            Examination(facts: facts),
            outcomes: [
                .init(repair: .loadFunctions, failure: nil, remark: nil),
                .init(repair: .delistFeed("{x}"), failure: "READONLY", remark: nil),
            ])
        #expect(
            sick.text(verbose: false, coloured: false) == """
                fixed: loaded the functions
                not fixed: cannot remove {x} from feeds: READONLY

                Redis 7.0.15
                  fault    when memory is short Redis deletes queues and feeds [redis-eviction]
                           at maxmemory-policy allkeys-lru
                           > redis-cli CONFIG SET maxmemory-policy noeviction   # and maxmemory-policy noeviction in redis.conf
                           --fix does it

                \(DoctorCheck.all.count) checks: \(DoctorCheck.all.count - 1) well, 1 fault; --fix repairs 1

                """)
        #expect(sick.text(verbose: false, coloured: true).contains("\u{1B}[31m  fault"))
    }
}
