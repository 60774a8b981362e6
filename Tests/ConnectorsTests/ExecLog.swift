import Logging
import Synchronization

/// Keeps what is logged, one string a line: the message and its data as `key=value`.
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
