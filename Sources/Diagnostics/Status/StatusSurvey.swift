import JSON
import Pipeline
package import Redis
import Store

/// Asks Redis for all that `tidings status` and the dashboard show: two commands, sent together.
package final class StatusSurvey {
    private let connection: RedisConnection
    private let pipeline: String
    private let parser = JSONParser(maxBytes: 256 << 20)

    package init(connection: RedisConnection, pipeline: String) {
        self.connection = connection
        self.pipeline = pipeline
    }

    /// Calls back exactly once, never before this returns unless there is no connection. A user that may not ask for
    /// INFO gets the rest.
    package func ask(completion: @escaping (Result<StatusReport, RedisError>) -> Void) {
        var info: [String: String] = [:]
        connection.send(RedisCommand(words: ["INFO"] + StatusServer.sections)) { result in
            if case .success(let value) = result { info = BlockingRedis.fields(value.text ?? "") }
        }
        // Replies come in the order of the commands.
        connection.call(.stats(pipeline: pipeline, parser: parser)) { result in
            completion(result.map { StatusReport($0, info: info) })
        }
    }
}
