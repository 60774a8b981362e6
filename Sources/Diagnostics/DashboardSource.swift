import Console
import Edge
import Events
import JSON
package import Pipeline
package import Redis

/// What an edge's dashboard shows: the document of `tidings status --json`, read over the edge's own connection.
package final class DashboardSource: StatusSource {
    private let survey: StatusSurvey
    private let pipeline: String
    private let redisCLI: String

    package init(connection: RedisConnection, pipeline: String, limits: PipelineLimits) {
        survey = StatusSurvey(connection: connection, pipeline: pipeline, limits: limits)
        self.pipeline = pipeline
        redisCLI = ShellQuote.redisCLI(connection.address)
    }

    package func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void) {
        survey.ask { [pipeline, redisCLI] result in
            switch result {
            case .success(let report): completion(report.document.bytes, true)
            case .failure(let error):
                let advice = [Advice(noReport: error, pipeline: pipeline, redisCLI: redisCLI)]
                let document: JSONObject = [
                    "pipeline": .string(pipeline), "time": .int(Clock.unixMilliseconds()),
                    "state": .string(advice.state), "advice": .array(advice.map(\.json)), "redis": nil,
                ]
                completion(document.bytes, !error.isUnanswered)
            }
        }
    }
}

extension Advice {
    /// What to say when Redis gives no report.
    init(noReport error: RedisError, pipeline: String, redisCLI: String) {
        switch error.code {
        case .loading:
            self.init(
                "Redis is loading its data from disk", why: "it serves when it is done; nothing is lost",
                type: "\(redisCLI) INFO persistence | grep loading")
        case .denied:
            self.init(
                "Redis refuses this user: \(error.message)",
                why: "user, password or rights are not what the pipeline needs", type: "tidings doctor")
        case .functionMissing:
            self.init(
                "the function library is not loaded", why: "Redis was emptied or is a new one",
                type: "tidings doctor --fix")
        case .busy:
            self.init(
                "a script keeps Redis busy", why: "everything waits until it ends", type: "\(redisCLI) FUNCTION STATS")
        case .reply where error.message.contains("no pipeline is called"):
            self.init(
                "there is no pipeline \(pipeline) in this Redis", severity: .warning,
                why: "no process has started yet, or the processes use another Redis", type: "tidings work")
        case .disconnected, .timeout:
            self.init(
                "Redis does not answer: \(error.message)",
                why: "nothing moves until it does; edges hold their readers, and accepted events stay in their queues",
                type: "\(redisCLI) PING", hint: "and: systemctl status redis-server")
        default:
            self.init(
                "Redis answers with an error: \(error.message)", why: "the error says what is wrong",
                type: "tidings doctor")
        }
    }

    private init(
        _ what: String, severity: Severity = .fault, why: String, type line: String, hint: String? = nil
    ) {
        self.init(severity: severity, subject: "redis", what: what, why: why, line: line, hint: hint)
    }
}
