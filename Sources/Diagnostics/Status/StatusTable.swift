import Console
import JSON

/// A report as text for a person.
package struct StatusTable {
    private let bold: String
    private let red: String
    private let plain: String

    package init(coloured: Bool) {
        bold = coloured ? "\u{1B}[1m" : ""
        red = coloured ? "\u{1B}[31m" : ""
        plain = coloured ? "\u{1B}[0m" : ""
    }

    /// The table, with what is wrong below it.
    ///
    /// - Parameter earlier: for the rates.
    package func text(_ report: StatusReport, since earlier: StatusReport?, advice: [StatusAdvice]) -> String {
        var lines = [heading(report), ""]
        let titles = ["waiting"] + StatusReport.counters + ["rate/s", "lanes", "oldest"]
        lines.append(bold + Text.left("stage", 14) + titles.map { Text.right($0, 10) }.joined() + plain)
        lines += report.stages.map { row($0, rate: report.rate(of: $0.name, since: earlier)) }
        lines.append("")
        if !report.doors.isEmpty {
            lines += report.doors.map { describe(door: $0) }
            if report.jobs > 0 { lines.append("jobs    \(Text.grouped(Int(report.jobs))) on their way") }
            lines.append("")
        }
        lines += report.processes.map { describe($0, at: report.time) }
        lines.append("")
        return lines.joined(separator: "\n") + "\n" + self.advice(advice)
    }

    /// What is wrong, why, and what to type; a line that says so when nothing is.
    package func advice(_ advice: [StatusAdvice]) -> String {
        if advice.isEmpty { return "all well\n" }
        return advice.map { item in
            let colour = item.level == .note ? "" : red
            let hint = item.hint.map { "   # \($0)" } ?? ""
            return "\(colour)\(item.level.rawValue): \(item.what)\(plain)\n    \(item.why)\n    $ \(item.type)\(hint)\n"
        }.joined()
    }

    private func heading(_ report: StatusReport) -> String {
        var words = [
            "\(bold)pipeline \(report.pipeline)\(plain)", "feeds \(report.feeds)",
            "processes \(report.processes.count)",
        ]
        if let used = report.server.number("used_memory") {
            let limit = report.server.number("maxmemory") ?? 0
            words.append("redis \(Text.megabytes(used))" + (limit > 0 ? " of \(Text.megabytes(limit))" : ""))
        }
        return words.joined(separator: "   ")
    }

    private func row(_ stage: StatusStage, rate: Int64?) -> String {
        var cells = [Text.grouped(Int(stage.waiting))]
        cells += StatusReport.counters.map { Text.grouped(Int(stage.count($0))) }
        cells.append(rate.map { Text.grouped(Int($0)) } ?? "-")
        cells.append("\(stage.served)/\(stage.lanes.count)")
        cells.append(stage.oldest.map { Text.seconds(Double($0) / 1000) } ?? "-")
        let alarm = stage.served < stage.lanes.count || stage.paused > 0 || stage.deadLetters > 0
        let note =
            stage.paused > 0 ? "  paused" : stage.served < stage.lanes.count ? "  lanes without a worker" : ""
        let text = Text.left(stage.name, 14) + cells.map { Text.right($0, 10) }.joined() + note
        return alarm ? red + text + plain : text
    }

    private func describe(door: JSON) -> String {
        let words = "door    \(door["kind"]?.string ?? "?") \(door["feed"]?.string ?? "?")"
        let waiting = door["kind"]?.string == "feed" ? "" : "  \(Text.grouped(Int(door["waiting"]?.int ?? 0))) waiting"
        return words + waiting + "  \(Text.grouped(Int(door["taken"]?.int ?? 0))) taken"
    }

    private func describe(_ process: StatusProcess, at time: Int64) -> String {
        var words = [
            Text.left(process.role, 7), process.id, "pid \(process.pid)", "\(process.memory / 1024) MB",
            "redis \(process.roundTrip) us", "seen \(Text.seconds(Double(max(0, time - process.beat)) / 1000)) ago",
        ]
        if let lanes = process.lanes { words.append("\(lanes) lanes") }
        if let connections = process.connections { words.append("\(connections) connections") }
        if let readers = process.readers { words.append("\(readers) readers") }
        return words.joined(separator: "  ")
    }
}
