import Console
import Pipeline
import Store

/// A status report as text for people.
package struct StatusTable {
    private let paint: Paint

    package init(coloured: Bool) {
        paint = Paint(isOn: coloured)
    }

    /// The table, with what is wrong below it.
    package func text(_ report: StatusReport) -> String {
        let (facts, stats) = (report.facts, report.stats)
        var lines = [heading(report), ""]
        let titles = ["waiting"] + LaneFacts.counters + ["rate/s", "lanes", "oldest"]
        lines.append(paint.bold(Text.left("stage", 14) + titles.map { Text.right($0, 10) }.joined()))
        lines += facts.stages.map { row($0, rate: facts.pipeline.rate(of: $0.name, since: facts.earlier)) }
        lines.append("")
        if !stats.doors.isEmpty {
            lines += stats.doors.map(describe)
            if stats.jobs > 0 { lines.append("jobs    \(stats.jobs.grouped) on their way") }
            lines.append("")
        }
        lines += facts.pipeline.processes.map { describe($0, at: facts.pipeline.time) }
        lines.append("")
        return lines.joined(separator: "\n") + "\n" + text(report.advice)
    }

    /// What is wrong, why, and what to type; a line that says so when nothing is.
    package func text(_ advice: [Advice]) -> String {
        if advice.isEmpty { return "all well\n" }
        return advice.map { item in
            let what = "\(item.severity.rawValue): \(item.what)"
            let hint = item.hint.map { "   # \($0)" } ?? ""
            return (item.severity == .note ? what : paint.red(what)) + "\n    \(item.why)\n    $ \(item.line)\(hint)\n"
        }.joined()
    }

    private func heading(_ report: StatusReport) -> String {
        let (facts, server) = (report.facts, report.facts.server)
        var words = [
            paint.bold("pipeline \(facts.pipeline.layout.name)"), "feeds \(report.stats.feeds)",
            "processes \(facts.pipeline.processes.count)",
        ]
        if report.stats.closed > 0 { words.append("closed threads \(report.stats.closed.grouped)") }
        if let used = server.number("used_memory") {
            let limit = server.number("maxmemory") ?? 0
            words.append("redis \(Text.megabytes(used))" + (limit > 0 ? " of \(Text.megabytes(limit))" : ""))
        }
        return words.joined(separator: "   ")
    }

    private func row(_ stage: StageFacts, rate: Int64?) -> String {
        let isUnserved = stage.served < stage.lanes.count
        var cells = [stage.waiting.grouped] + LaneFacts.counters.map { stage.count($0).grouped }
        cells.append(rate.map(\.grouped) ?? "-")
        cells.append("\(stage.served)/\(stage.lanes.count)")
        cells.append(stage.oldest.map { Text.seconds(Double($0) / 1000) } ?? "-")
        let note = stage.paused > 0 ? "  paused" : isUnserved ? "  lanes without a worker" : ""
        let text = Text.left(stage.name, 14) + cells.map { Text.right($0, 10) }.joined() + note
        return isUnserved || stage.paused > 0 || stage.deadLetters > 0 ? paint.red(text) : text
    }

    private func describe(_ door: StatsReply.Door) -> String {
        let waiting = door.kind == "feed" ? "" : "  \(door.waiting.grouped) waiting"
        return "door    \(door.kind) \(door.feed)\(waiting)  \(door.taken.grouped) taken"
    }

    private func describe(_ process: ProcessFacts, at time: Int64) -> String {
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
