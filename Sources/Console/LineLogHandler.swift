import Events
import Glibc
package import Logging

/// Writes a log line to standard error: time, level, message, then the metadata as `key=value`. In colour on a
/// terminal.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let label: String
    private let isColoured: Bool

    package init(label: String, level: Logger.Level) {
        self.label = label
        logLevel = level
        isColoured = Terminal.isColoured(STDERR_FILENO)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        var line = "\(LineLogHandler.timestamp()) \(mark(event.level)) \(label): \(event.message)"
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += " \(key)=\(LineLogHandler.quoted("\(value)"))"
        }
        line += "\n"
        // One write for each line, so that the lines of several processes do not mix.
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private func mark(_ level: Logger.Level) -> String {
        let name = level.rawValue.uppercased()
        guard isColoured else { return name }
        switch level {
        case .trace, .debug: return "\u{1B}[2m\(name)\u{1B}[0m"
        case .info, .notice: return name
        case .warning: return "\u{1B}[33m\(name)\u{1B}[0m"
        case .error, .critical: return "\u{1B}[31m\(name)\u{1B}[0m"
        }
    }

    /// Metadata may hold any text: whitespace, quotes and control characters are escaped.
    private static func quoted(_ text: String) -> String {
        guard text.isEmpty || text.utf8.contains(where: { $0 <= 32 || $0 == 34 || $0 == 127 }) else { return text }
        return text.debugDescription
    }

    private static func timestamp() -> String {
        let now = Clock.unixMilliseconds()
        var seconds = time_t(now / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let millis = now % 1000
        let fraction = millis < 10 ? "00\(millis)" : millis < 100 ? "0\(millis)" : "\(millis)"
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
            + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
    }
}
