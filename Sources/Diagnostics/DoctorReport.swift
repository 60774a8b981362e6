import Console
package import JSON
import Pipeline
import Store

/// What `tidings doctor` prints of a report: text for people, or JSON.
package struct DoctorReport {
    package let report: Report
    package let repairs: [RepairResult]
    /// Findings of one rule that are shown to people; JSON has all.
    private static let shown = 10

    /// - Parameter repairs: what `--fix` did before the facts were gathered.
    package init(_ report: Report, repairs: [RepairResult] = []) {
        self.report = report
        self.repairs = repairs
    }

    /// - Parameter verbose: also what is well, and what could not be judged.
    package func text(verbose: Bool, coloured: Bool) -> String {
        let paint = Paint(isOn: coloured)
        var lines: [String] = repairs.map { repair in
            if let failure = repair.failure {
                return paint.red("not fixed: ") + "cannot \(repair.repair.plan): \(failure)"
            }
            return paint.green("fixed: ") + repair.repair.title + (repair.remark.map { ", \($0)" } ?? "")
        }
        if !lines.isEmpty { lines.append("") }
        for group in RuleGroup.allCases {
            let results = report.results.filter { $0.rule.group == group }
            let body = results.flatMap { describe($0, verbose: verbose, paint) }
            if body.isEmpty { continue }
            lines.append(paint.bold(title(of: group)))
            lines += body
            lines.append("")
        }
        lines.append(summary)
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: JSONObject {
        let checks = report.results.map { result -> JSON in
            var check = JSONObject()
            check["id"] = .string(result.rule.id)
            check["group"] = .string(result.rule.group.rawValue)
            switch result.outcome {
            case .well(let says):
                check["state"] = "well"
                check["says"] = .string(says)
            case .unknown(let reason):
                check["state"] = "unknown"
                check["says"] = .string(reason)
            case .found(let findings):
                check["state"] = .string(result.outcome.severity?.rawValue ?? "")
                check["findings"] = .array(findings.map(\.json))
            }
            return .object(check)
        }
        var object = JSONObject()
        object["pipeline"] = .string(report.facts.pipeline.layout.name)
        object["checks"] = .array(checks)
        for severity in Severity.all {
            object["\(severity.rawValue)s"] = .int(Int64(report.count(severity)))
        }
        object["feeds_seen"] = .int(Int64(report.facts.feeds?.feeds.count ?? 0))
        object["feeds"] = .int(report.facts.feeds?.listed ?? 0)
        object["keys_seen"] = .int(report.facts.keys?.keysSeen ?? 0)
        object["keys"] = .int(report.facts.keys?.keysThere ?? 0)
        object["fixed"] = .array(
            repairs.map { repair in
                var fixed = JSONObject()
                fixed["repair"] = .string(repair.repair.plan)
                fixed["done"] = .bool(repair.failure == nil)
                fixed["says"] = (repair.failure ?? repair.remark).map(JSON.string)
                return .object(fixed)
            })
        return object
    }

    private func title(of group: RuleGroup) -> String {
        let facts = report.facts
        switch group {
        case .redis: return "Redis \(facts.server.info["redis_version"] ?? "")"
        case .pipeline: return "Pipeline \(facts.pipeline.layout.name)"
        case .feeds: return "Feeds: \(facts.feeds?.scope ?? "none") looked at"
        case .system: return "System"
        }
    }

    private func describe(_ result: JudgedRule, verbose: Bool, _ paint: Paint) -> [String] {
        func line(_ mark: String, _ text: String) -> String { "  \(Text.left(mark, 8)) \(text)" }
        switch result.outcome {
        case .well(let says): return verbose ? [paint.green("  ok       ") + "\(says) [\(result.rule.id)]"] : []
        case .unknown(let reason): return verbose ? [line("?", "\(reason) [\(result.rule.id)]")] : []
        case .found(let findings):
            var lines = findings.prefix(DoctorReport.shown).flatMap { finding -> [String] in
                let mark = paint.severity(finding.severity, "  " + Text.left(finding.severity.rawValue, 8) + " ")
                var lines = [mark + "\(finding.what) [\(result.rule.id)]"]
                if let why = finding.why { lines.append(line("", why)) }
                lines.append(line("", "at \(finding.place)"))
                if let remedy = finding.remedy { lines.append(line("", "> \(remedy)")) }
                if finding.repair != nil { lines.append(line("", "--fix does it")) }
                return lines
            }
            let more = findings.count - DoctorReport.shown
            if more > 0 { lines.append(line("", "and \(more) more; --json has them all")) }
            return lines
        }
    }

    private var summary: String {
        let count = report.results.count
        let well = report.results.count { if case .well = $0.outcome { true } else { false } }
        let unknown = report.results.count { if case .unknown = $0.outcome { true } else { false } }
        if well == count { return "\(count) checks, all well" }
        var words = ["\(count) checks: \(well) well"]
        if unknown > 0 { words.append("\(unknown) without facts") }
        for severity in Severity.all {
            let found = report.count(severity)
            if found > 0 { words.append("\(found) \(severity.rawValue)\(found == 1 ? "" : "s")") }
        }
        let possible = Set(report.repairs).count
        return words.joined(separator: ", ") + (possible > 0 ? "; --fix repairs \(possible)" : "")
    }
}

/// Colours for a terminal; plain text elsewhere.
struct Paint {
    let isOn: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func red(_ text: String) -> String { wrap(text, "31") }
    func green(_ text: String) -> String { wrap(text, "32") }

    func severity(_ severity: Severity, _ text: String) -> String {
        switch severity {
        case .note: wrap(text, "36")
        case .warning: wrap(text, "33")
        case .fault: wrap(text, "31")
        }
    }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
