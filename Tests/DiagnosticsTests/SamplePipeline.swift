import Configuration
import Pipeline
import Redis
import Store
import TestSupport

@testable import Diagnostics

/// A Redis with a small pipeline in it: events that wait, a feed, no process.
final class SamplePipeline {
    let server: RedisServer
    let redis: TestSupport.RedisClient
    private let layout = PipelineLayout(name: "comments", partitions: 8, stages: StageSetting.standard.map(\.name))

    init() throws {
        server = try RedisServer(
            appendOnly: .everysec, arguments: ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"])
        redis = try RedisClient(server)
        let client = try BlockingRedis(address: RedisAddress(url: server.url), name: "sample")
        try client.greet(layout)
        let enqueuer = Enqueuer(layout: layout, limits: PipelineLimits(), connection: client.connection)
        let events = (0..<20).map { (thread: "t\($0)", text: #"{"thread":"t\#($0)","text":"number \#($0)"}"#) }
        let batches = Dictionary(grouping: events) { layout.partition(of: $0.thread) }
            .mapValues { $0.map { Array($0.text.utf8) } }
        try client.wait { enqueuer.enqueue(batches, completion: $0) }
        for number in 1...10 {
            try redis.ask("FCALL", "tidings_publish", "0", "thread:1", "100", "60000", "{\"number\":\(number)}")
        }
    }

    /// Runs commands, word by word.
    func run(_ commands: [[String]]) throws {
        for command in commands { try redis.ask(words: command) }
    }

    /// A connection as `tidings doctor` makes it.
    func client() throws -> BlockingRedis {
        try BlockingRedis(address: RedisAddress(url: server.url), name: "doctor", loadsFunctions: false)
    }

    /// What `tidings doctor` finds.
    func report(feeds: Int? = 1000, keys: Int? = 100_000) throws -> Report {
        try Report(
            client: client(), address: RedisAddress(url: server.url), expected: layout, limits: PipelineLimits(),
            duplicates: DuplicatePolicy(),
            feeds: feeds, keys: keys)
    }

    /// All that Redis holds, in a form that is the same when nothing has changed.
    func content() throws -> [String] {
        let rest = [["CONFIG", "GET", "*max*"], ["CONFIG", "GET", "append*"], ["FUNCTION", "LIST"]]
        return try redis.dump() + rest.map { try redis.ask(words: $0).line }
    }
}

extension Report {
    /// What a rule came to; nil when there is no such rule.
    func outcome(_ rule: String) -> Rule.Outcome? {
        results.first { $0.rule.id == rule }?.outcome
    }

    func findings(_ rule: String) -> [Finding] { outcome(rule)?.findings ?? [] }

    /// The rules that found something as severe as this, and nothing worse.
    func rules(_ severity: Severity) -> [String] {
        results.filter { $0.outcome.severity == severity }.map(\.rule.id)
    }

    func isWell(_ rule: String) -> Bool {
        if case .well = outcome(rule) { true } else { false }
    }
}
