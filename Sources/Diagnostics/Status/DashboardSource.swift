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
    private let queueLimit: Int
    private let client: String
    private var earlier: StatusReport?

    /// An earlier report that is older says nothing about what moves now, in ms.
    private static let memory: Int64 = 60_000

    package init(connection: RedisConnection, pipeline: String, limits: PipelineLimits) {
        survey = StatusSurvey(connection: connection, pipeline: pipeline)
        self.pipeline = pipeline
        queueLimit = limits.queueEvents
        client = ShellQuote.redisCLI(connection.address)
    }

    package func read(completion: @escaping (_ body: [UInt8], _ hasAnswer: Bool) -> Void) {
        survey.ask { [weak self] result in
            guard let self else { return completion(Array("{}".utf8), false) }
            switch result {
            case .success(let report): completion(self.document(report), true)
            case .failure(let error):
                completion(self.document(error), error.code != .disconnected && error.code != .timeout)
            }
        }
    }

    private func document(_ report: StatusReport) -> [UInt8] {
        let known = earlier.flatMap { report.time - $0.time <= DashboardSource.memory ? $0 : nil }
        earlier = report
        let advice = StatusAdvisor.advise(
            StatusSituation(report: report, earlier: known, queueLimit: queueLimit, client: client))
        return report.document(advice).bytes
    }

    /// What there is to say without a report.
    private func document(_ error: RedisError) -> [UInt8] {
        let advice = [StatusAdvisor.unreachable(error, pipeline: pipeline, client: client)]
        let document: JSONObject = [
            "pipeline": .string(pipeline), "time": .int(Clock.unixMilliseconds()), "state": .string(advice.state),
            "advice": .array(advice.map(\.json)), "redis": nil,
        ]
        return document.bytes
    }
}
