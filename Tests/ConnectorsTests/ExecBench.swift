import Events
import Glibc
import JSON
import Logging
import Pipeline
import Redis
import Synchronization
import TestSupport

@testable import Connectors

/// Runs batches through stages on a real loop, as lanes do, without Redis.
final class ExecBench {
    let runner: LoopRunner
    let log = ExecLog()
    let folder: TemporaryFolder
    private let redis: RedisConnection

    init() throws {
        runner = try LoopRunner()
        folder = try TemporaryFolder()
        redis = RedisConnection(
            on: runner.loop, to: try RedisAddress(url: "unix://\(folder.file("none"))"), name: "test", logger: .silent)
    }

    func context(partition: Int = 0) -> StageContext {
        StageContext(
            pipeline: "t", stage: "score", partition: partition, loop: runner.loop, redis: redis, logger: log.logger,
            now: 1_795_428_900_000)
    }

    static func event(_ text: String) throws -> Event {
        let raw = Array(text.utf8)
        return Event(fields: try JSONParser(maxBytes: 4 << 20).parseObject(raw), raw: raw)
    }

    static func events(_ numbers: some Sequence<Int>) throws -> [Event] {
        try numbers.map { try event(#"{"thread":"1","n":\#($0)}"#) }
    }

    /// A Python program that runs `body` for each event `e`; `say` writes an answer.
    func python(_ body: String, before: String = "") throws -> ExecOptions {
        let lines = body.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        let script = """
            import sys, json, os, time, signal
            def say(answer):
                sys.stdout.write((answer if isinstance(answer, str) else json.dumps(answer)) + "\\n")
                sys.stdout.flush()
            \(before)
            for line in sys.stdin:
                e = json.loads(line)
            \(lines)
            """
        return ExecOptions(command: ["python3", "-IS", try folder.write(script, to: "program.py")])
    }

    /// A program whose restarts and kills wait for milliseconds, where those in a worker wait for seconds.
    static func program(_ options: ExecOptions) -> ExecProgram {
        ExecProgram(options, backoff: Backoff(base: 5, limit: 50), grace: 100)
    }

    /// Prepares a batch. Returns its error; nil when the stage is ready.
    func prepare(_ stage: some Stage, _ batch: [Event], within seconds: Double = 20) throws -> StageError? {
        var answer: StageError??
        stage.prepare(batch, context: context()) { answer = .some($0) }
        try runner.run(within: seconds, "the batch is ready; log: \(log.lines.suffix(5))") { answer != nil }
        return answer ?? nil
    }

    /// The disposition of each event of a batch, up to the first that fails.
    func run(_ stage: some Stage, _ batch: [Event]) throws -> [String] {
        if let error = try prepare(stage, batch) { return ["not ready: \(error.message)"] }
        var results: [String] = []
        for event in batch {
            do throws(StageError) {
                results.append(ExecBench.text(try stage.process(event, context: context())))
            } catch {
                return results + ["failed: \(error.message)"]
            }
        }
        return results
    }

    static func text(_ disposition: Disposition) -> String {
        func text(_ event: Event) -> String { String(decoding: event.bytes, as: UTF8.self) }
        return switch disposition {
        case .forward(let events): events.map(text).joined(separator: " ")
        case .assign(let event, let partition): "assign \(text(event)) \(partition)"
        case .publish(let event, let channels): "publish \(text(event)) \(channels)"
        case .drop(let reason): "drop: \(reason)"
        case .hold(_, let reason): "hold: \(reason)"
        case .reject(let reason): "reject: \(reason)"
        }
    }

    /// Whether a process exists.
    static func lives(_ pid: Int32) -> Bool {
        kill(pid, 0) == 0
    }
}

/// Stores log lines as strings: the level, the message and the metadata as `key=value`.
final class ExecLog: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    func contains(_ parts: String...) -> Bool {
        lines.contains { line in parts.allSatisfy(line.contains) }
    }

    private struct Handler: LogHandler {
        let log: ExecLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let data = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            log.kept.withLock { $0.append("\(event.level) \(event.message)" + data.joined()) }
        }
    }
}
