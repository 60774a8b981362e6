import Console
package import JSON
package import Pipeline
package import Redis
import Store

/// What `tidings status` and the dashboard show: the reply of `tidings_stats`, some fields of INFO, and what is wrong.
package struct StatusReport {
    /// Further fields that are judged: a primary that has become a replica takes no events.
    private static let judged = ["role", "master_host", "master_port"]
    /// The fields of INFO that are shown, in this order, and judged.
    static let fields = [
        "redis_version", "uptime_in_seconds", "used_memory", "maxmemory", "maxmemory_policy", "connected_clients",
        "instantaneous_ops_per_sec", "aof_enabled", "aof_last_write_status", "rdb_last_bgsave_status",
    ]

    let stats: StatsReply
    let facts: Facts
    /// What is wrong, the worst first.
    package let advice: [Advice]

    /// - Parameters:
    ///   - info: the fields of INFO; none, where the user may not use INFO.
    ///   - earlier: the pipeline some seconds before, where it is known.
    init(
        _ stats: StatsReply, info: [String: String], earlier: PipelineFacts? = nil, limits: PipelineLimits,
        redisCLI: String
    ) {
        self.stats = stats
        let known = StatusReport.fields + StatusReport.judged
        let server = ServerFacts(info: info.filter { known.contains($0.key) })
        facts = Facts(
            redisCLI: redisCLI, limits: limits, server: server, pipeline: stats.pipeline, earlier: earlier)
        advice = Report(facts).advice
    }

    /// The document that `tidings status --json` prints and the dashboard reads.
    package var document: JSONObject {
        var document = stats.object
        document["state"] = .string(advice.state)
        document["advice"] = .array(advice.map(\.json))
        document["redis"] = redis
        return document
    }

    /// The fields of INFO that are known, numbers as numbers; null when none is.
    private var redis: JSON {
        let info = facts.server.info
        if info.isEmpty { return .null }
        let members = StatusReport.fields.compactMap { field -> (key: String, value: JSON)? in
            guard let text = info[field] else { return nil }
            let number = field == "redis_version" ? nil : Int64(text)
            return (key: field, value: number.map { .int($0) } ?? .string(text))
        }
        return .object(JSONObject(members: members))
    }
}

/// A finding as `tidings status` and the dashboard show it: everything about one subject in one line.
package struct Advice: Equatable {
    package let severity: Severity
    /// What it concerns: a stage's name, `redis`, `workers`, `edges`, `dead` or `held`.
    package let subject: String
    package let what: String
    package let why: String
    /// A line for a shell that can be typed as it is.
    package let line: String
    package let hint: String?

    init(severity: Severity, subject: String, what: String, why: String, line: String, hint: String?) {
        self.severity = severity
        self.subject = subject
        self.what = what
        self.why = why
        self.line = line
        self.hint = hint
    }

    /// - Parameter findings: those of one rule about one subject, one at least.
    init?(_ findings: [Finding], group: RuleGroup) {
        guard let first = findings.first else { return nil }
        let more = findings.count - 1
        // Several findings, or one that needs thought first: the doctor tells about each what to do.
        var (line, hint) = ("tidings doctor", nil as String?)
        if findings.allSatisfy({ $0.repair != nil }) {
            line = "tidings doctor --fix"
        } else if more == 0, let only = first.line {
            (line, hint) = (only, first.hint)
        }
        self.init(
            severity: findings.map(\.severity).max() ?? first.severity, subject: first.subject ?? group.rawValue,
            what: first.what + (more > 0 ? "; and \(more) more like it" : ""), why: first.why ?? "", line: line,
            hint: hint)
    }

    package var json: JSON {
        var object: JSONObject = [
            "level": .string(severity.rawValue), "place": .string(subject), "what": .string(what), "why": .string(why),
            "type": .string(line),
        ]
        object["hint"] = hint.map { .string($0) }
        return .object(object)
    }
}

extension [Advice] {
    /// `well`, `note`, `warning` or `fault`: the worst of them.
    var state: String { map(\.severity).max()?.rawValue ?? "well" }
}

/// Gathers what changes by the minute: two commands, sent together. Remembers the last facts, to tell what moves.
package final class StatusSurvey {
    private let connection: RedisConnection
    private let pipeline: String
    private let limits: PipelineLimits
    private let parser = JSONParser(maxBytes: 256 << 20)
    private var earlier: PipelineFacts?

    /// Facts that are older say nothing about what moves now, in ms.
    private static let memory: Int64 = 60_000

    package init(connection: RedisConnection, pipeline: String, limits: PipelineLimits) {
        self.connection = connection
        self.pipeline = pipeline
        self.limits = limits
    }

    /// Calls back exactly once, never before this returns unless there is no connection. A user who may not use INFO
    /// gets the rest.
    package func ask(completion: @escaping (Result<StatusReport, RedisError>) -> Void) {
        var info: [String: String] = [:]
        connection.send(
            RedisCommand(words: ["INFO", "server", "memory", "clients", "stats", "persistence", "replication"])
        ) {
            result in
            if case .success(let value) = result { info = BlockingRedis.fields(value.text ?? "") }
        }
        // Replies come in the order of the commands.
        connection.call(.stats(pipeline: pipeline, parser: parser)) { [weak self] result in
            guard let self else { return completion(.failure(RedisError(.disconnected, "the survey has ended"))) }
            completion(result.map { self.report($0, info: info) })
        }
    }

    private func report(_ object: JSONObject, info: [String: String]) -> StatusReport {
        let stats = StatsReply(object)
        let report = StatusReport(
            stats, info: info,
            earlier: earlier.flatMap { stats.pipeline.time - $0.time <= StatusSurvey.memory ? $0 : nil },
            limits: limits, redisCLI: ShellQuote.redisCLI(connection.address))
        earlier = stats.pipeline
        return report
    }
}
