import Pipeline
import Store
import Testing

@testable import Configuration

/// Reading `tidings.yaml`: what it may say, and what is said of it when it is wrong.
struct ConfigurationTests {
    @Test("a missing file is the default comment pipeline")
    func missing() throws {
        let settings = try Configuration(yaml: "", file: "tidings.yaml")
        #expect(settings.layout.stages == ["validate", "moderate", "format", "route", "publish"])
        #expect(settings.pipeline == "comments" && settings.partitions == 8)
        #expect(
            try Settings.Edge.listen.resolve(file: settings.edge.listen, environment: { _ in nil }) == "127.0.0.1:8080")
        #expect(try Settings.Edge.hold.resolve(file: settings.edge.hold, environment: { _ in nil }) == 25)
    }

    @Test("every key of the sample is understood")
    func sample() throws {
        let settings = try Configuration(
            yaml: """
                pipeline: blog
                partitions: 4
                redis: redis://127.0.0.1:6379/0
                queue_limit: 5000
                doors: [{ queue: in }, { job: { name: work } }, { feed: { name: wall, from: start } }, { feed: now }]
                stages:
                  - validate: { max_bytes: 32768, duplicate_window: 5m }
                  - moderate: { blocked_words: [viagra], blocked_patterns: ["(?i)free\\\\s+money"], max_links: 3, author_rate: 30/min, hold: true }
                  - format:   { private: [email, ip], keep_text: false }
                  - echo:     { pass: true }
                  - score:    { exec: [python3, score.py], timeout: 2s, start_timeout: 1m, in_flight: 64, in_flight_bytes: 1MB, max_line: 64KB, line_numbers: false }
                  - notify:   { webhook: "https://example.org/hook", secret: whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0, timeout: 5s, in_flight: 8, types: [comment.created] }
                  - archive:  { file: comments.ndjson, rotate: 100MB, keep: 10, sync: false }
                  - route:    { channels: ["thread:{thread}", "user:{author.id}"] }
                  - publish:  { history: 50, ttl: 2d }
                edge: { listen: "127.0.0.1:9090", hold: 20s, public: [thread], dashboard: local }
                """, file: "tidings.yaml")
        #expect(
            settings.layout.stages == [
                "validate", "moderate", "format", "echo", "score", "notify", "archive", "route", "publish",
            ])
        #expect(settings.duplicates.window == 300_000)
        #expect(settings.limits.history == .all(50, lifetime: 172_800_000))
        #expect(settings.limits.queueEvents == 5000)
        #expect(
            settings.doors == [
                Inlet(.queue, "in"), Inlet(.job, "work"), Inlet(.feed, "wall", fromStart: true),
                Inlet(.feed, "now"),
            ])
        #expect(
            settings.edge.hold == 20 && settings.edge.publicKinds == ["thread"] && settings.edge.dashboard == .local)
        #expect(settings.edge.listen == "127.0.0.1:9090")
        for stage in settings.stages { _ = try stage.factory() }
    }

    @Test(
        "an error names file, line and key",
        arguments: [
            ("partitions: many", "tidings.yaml:1: partitions: 'many' is no whole number from 1 to 1024"),
            (
                "doors: [{ stack: x }]",
                "tidings.yaml:1: doors[0]: unknown door 'stack'; expected one source, such as '- queue: comments', "
                    + "'- job: comments' or '- feed: { name: comments, from: start }'"
            ),
            (
                "doors: [{ feed: { name: x, from: 7 } }]",
                "tidings.yaml:1: doors[0].feed.from: '7' is neither start nor now"
            ),
            ("doors: [{ queue: { from: now } }]", "tidings.yaml:1: doors[0].queue.from: unknown key; known here: name"),
            ("doors: [{ queue: x }, { job: x }]", "tidings.yaml:1: doors[1]: 'x' stands twice"),
            ("pipeline: comments\npartition: 8", "tidings.yaml:2: partition: unknown key"),
            ("stages:\n  - validate: { max_byte: 1 }", "tidings.yaml:2: stages.validate.max_byte: unknown key"),
            (
                "stages:\n  - moderate:\n      max_links: -1",
                "tidings.yaml:3: stages.moderate.max_links: '-1' is no whole"
            ),
            ("stages:\n  - moderate: { blocked_patterns: ['(('] }", "tidings.yaml:2: stages.moderate.blocked_patterns"),
            ("stages:\n  - moderate: { author_rate: fast }", "stages.moderate.author_rate: 'fast' is no rate"),
            ("stages:\n  - route: { channels: ['{'] }", "tidings.yaml:2: stages.route.channels"),
            ("stages:\n  - publish: { ttl: 7 }", "stages.publish.ttl: '7' is no time"),
            ("stages:\n  - publish: { history: 0 }", "tidings.yaml:2: stages.publish.history: expected a number of"),
            ("stages:\n  - publish: { history: 100001 }", "stages.publish.history: expected a number of events from 1"),
            ("stages:\n  - publish: { history: state }", "stages.publish.history: expected a number of events from 1"),
            ("stages:\n  - publish: { history: [1] }", "stages.publish.history: expected a number of events from 1"),
            (
                "stages:\n  - publish:\n      history:\n        thread: 1\n        post: 0",
                "tidings.yaml:5: stages.publish.history.post: '0' is out of range; a channel keeps 1 to 100000 events"
            ),
            (
                "stages:\n  - publish: { history: { thread: 99999999999999999999 } }",
                "stages.publish.history.thread: '99999999999999999999': expected COUNT/AGE such as 1000/7d, COUNT"
            ),
            ("stages:\n  - publish: { history: { thread: -5/1d } }", "history.thread: '-5/1d' is out of range"),
            ("stages:\n  - publish: { history: { thread: 100001/1d } }", "history.thread: '100001/1d' is out of range"),
            ("stages:\n  - publish: { history: { thread: 5/ } }", "history.thread: '' is no time; write a number"),
            ("stages:\n  - publish: { history: { thread: 5/7 } }", "history.thread: '7' is no time"),
            ("stages:\n  - publish: { history: { thread: 5/1d/2d } }", "history.thread: '1d/2d' is no time"),
            ("stages:\n  - publish: { history: { thread: 5/0s } }", "'0s' is out of range; write an age of 1s to"),
            ("stages:\n  - publish: { history: { thread: 5/3651d } }", "'3651d' is out of range"),
            ("stages:\n  - publish: { history: { thread: 5/99999999999999999d } }", "is no time"),
            ("stages:\n  - publish: { history: { thread: all } }", "history.thread: 'all': expected COUNT/AGE such as"),
            ("stages:\n  - publish: { history: { thread: '' } }", "history.thread: expected COUNT/AGE such as 1000/7d"),
            ("stages:\n  - publish: { history: { thread: [1] } }", "history.thread: expected COUNT/AGE"),
            ("stages:\n  - publish: { history: { thread: { a: 1 } } }", "history.thread: expected COUNT/AGE such as"),
            (
                "stages:\n  - publish:\n      history: { 'thread:': 5 }",
                "tidings.yaml:3: stages.publish.history: 'thread:' is no kind; a kind is what stands before"
            ),
            ("stages:\n  - publish: { history: { '': 5 } }", "stages.publish.history: '' is no kind"),
            ("stages:\n  - publish: { history: { '{x}': 5 } }", "stages.publish.history: '{x}' is no kind"),
            (
                "stages:\n  - publish: { history: { \((0...64).map { "k\($0): 1" }.joined(separator: ", ")) } }",
                "stages.publish.history: 65 kinds; at most 64"
            ),
            ("stages:\n  - nosuch", "tidings.yaml:2: stages[0]: unknown stage 'nosuch'"),
            ("stages:\n  - validate\n  - validate", "tidings.yaml:3: stages[1]: stage 'validate' stands twice"),
            ("stages: []", "no stages"),
            ("stages:\n  - a: { exec: [] }", "stages.a: expected a program"),
            ("stages:\n  - a: { exec: [b], timeout: 2 }", "stages.a.timeout: '2' is no time"),
            ("stages:\n  - a: { exec: [b], max_line: 9 }", "stages.a.max_line: '9' is no size"),
            ("stages:\n  - a: { webhook: 'https://x' }", "stages.a: needs one of secret"),
            ("stages:\n  - a: { webhook: 'ftp://x', secret_env: NO_SUCH }", "stages.a.webhook"),
            ("stages:\n  - a: { file: x, keep: -1 }", "stages.a.keep"),
            ("edge: { hold: 2m }", "edge.hold: '2m' is out of range"),
            ("pipeline: 'a b'", "pipeline: 'a b' is no name"),
            ("a: [", "no valid YAML"),
        ])
    func errors(yaml: String, expected: String) {
        #expect {
            try Configuration(yaml: yaml, file: "tidings.yaml")
        } throws: { error in
            let text = "\(error)"
            if !text.contains(expected) { Issue.record("\(text)\nwanted: \(expected)") }
            return error is ConfigurationError
        }
    }

    @Test(
        "a history is a number for all kinds of channels, or a policy for each kind; others keep their default",
        arguments: [
            ("1", .all(1)), ("100000", .all(100_000)), ("{}", .standard),
            ("{ post: none, user: 5, x-1: 7/90s }", standard(["post": .none, "user": log(5), "x-1": log(7, 90_000)])),
            ("{ '*': state, thread: 3/1h }", standard(["thread": log(3, 3_600_000)], others: .state)),
        ] as [(String, HistoryPolicies)])
    func history(yaml: String, expected: HistoryPolicies) throws {
        let settings = try Configuration(yaml: "stages: [{ publish: { history: \(yaml) } }]", file: "tidings.yaml")
        #expect(settings.limits.history == expected)
    }

    private static func log(_ events: Int, _ age: Int64? = nil) -> HistoryPolicy { .log(events: events, age: age) }

    private static func standard(
        _ kinds: [String: HistoryPolicy], others: HistoryPolicy = HistoryPolicies.standard.others
    ) -> HistoryPolicies {
        var policies = HistoryPolicies.standard
        policies.kinds.merge(kinds) { $1 }
        policies.others = others
        return policies
    }

    @Test("without a configuration each kind has the history of the contract")
    func standardHistory() throws {
        let history = try Configuration(yaml: "", file: "tidings.yaml").limits.history
        #expect(history["thread:42"] == .log(events: 1000, age: 604_800_000))
        #expect(history["forum:music"] == .log(events: 200, age: 86_400_000))
        #expect(history["user:7"] == .log(events: 100, age: 2_592_000_000))
        #expect(history["post:a:b"] == .state)
        for name in ["all", "x:y", ":", "THREAD:1"] { #expect(history[name] == .log(events: 100, age: 604_800_000)) }
        #expect(history.longestLife == 2_592_000_000 && history.shortestLife == 86_400_000)
        #expect(history.mostEvents == 1000)
    }

    @Test(
        "times are a number and a unit",
        arguments: [
            ("500ms", 500), ("25s", 25_000), ("10m", 600_000), ("2h", 7_200_000), ("7d", 604_800_000), ("7", nil),
            ("-1s", nil), ("s", nil), ("1.5s", nil), ("99999999999999999d", nil),
        ] as [(String, Int64?)])
    func durations(text: String, expected: Int64?) {
        #expect(DurationText.milliseconds(text) == expected)
    }
}
