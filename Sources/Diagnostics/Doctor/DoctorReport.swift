import Console
package import JSON
import Pipeline
import Store

/// An examination, for people or as JSON.
package struct DoctorReport {
    package let examination: Examination
    package let outcomes: [Repairer.Outcome]
    /// Findings of one check that are shown to people; JSON has all.
    private static let shown = 10

    package init(_ examination: Examination, outcomes: [Repairer.Outcome] = []) {
        self.examination = examination
        self.outcomes = outcomes
    }

    /// - Parameter verbose: also what is well, and what could not be looked at.
    package func text(verbose: Bool, coloured: Bool) -> String {
        let paint = Paint(isOn: coloured)
        var lines: [String] = outcomes.map { outcome in
            if let failure = outcome.failure {
                return paint.red("not fixed: ") + "cannot \(outcome.repair.plan): \(failure)"
            }
            return paint.green("fixed: ") + outcome.repair.title + (outcome.remark.map { ", \($0)" } ?? "")
        }
        if !lines.isEmpty { lines.append("") }
        for group in DoctorGroup.allCases {
            let results = examination.results.filter { $0.check.group == group }
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
        let checks = examination.results.map { result -> JSON in
            var check = JSONObject()
            check["id"] = .string(result.check.id)
            check["group"] = .string(result.check.group.rawValue)
            switch result.verdict {
            case .well(let says):
                check["state"] = "well"
                check["says"] = .string(says)
            case .unknown(let reason):
                check["state"] = "unknown"
                check["says"] = .string(reason)
            case .found(let findings):
                check["state"] = .string(result.verdict.level?.rawValue ?? "")
                check["findings"] = .array(findings.map(DoctorReport.json))
            }
            return .object(check)
        }
        var object = JSONObject()
        object["pipeline"] = .string(examination.facts.pipeline.layout.name)
        object["checks"] = .array(checks)
        for level in [FindingLevel.fault, .warning, .note] {
            object["\(level.rawValue)s"] = .int(Int64(examination.count(level)))
        }
        object["feeds_seen"] = .int(Int64(examination.facts.feeds.feeds.count))
        object["feeds"] = .int(examination.facts.feeds.listed)
        object["keys_seen"] = .int(examination.facts.pipeline.keysSeen)
        object["keys"] = .int(examination.facts.pipeline.keysThere)
        object["fixed"] = .array(
            outcomes.map { outcome in
                var fixed = JSONObject()
                fixed["repair"] = .string(outcome.repair.plan)
                fixed["done"] = .bool(outcome.failure == nil)
                fixed["says"] = (outcome.failure ?? outcome.remark).map(JSON.string)
                return .object(fixed)
            })
        return object
    }

    private static func json(_ finding: Finding) -> JSON {
        var object = JSONObject()
        object["level"] = .string(finding.level.rawValue)
        object["what"] = .string(finding.what)
        object["where"] = .string(finding.place)
        object["type"] = finding.remedy.map(JSON.string)
        object["fix"] = finding.repair.map { .string($0.plan) }
        return .object(object)
    }

    private func title(of group: DoctorGroup) -> String {
        let facts = examination.facts
        switch group {
        case .redis: return "Redis \(facts.server.info["redis_version"] ?? "")"
        case .pipeline: return "Pipeline \(facts.pipeline.layout.name)"
        case .feeds: return "Feeds: \(facts.feeds.scope) looked at"
        case .system: return "System"
        }
    }

    private func describe(_ result: Examination.Result, verbose: Bool, _ paint: Paint) -> [String] {
        func line(_ mark: String, _ text: String) -> String { "  \(Text.left(mark, 8)) \(text)" }
        switch result.verdict {
        case .well(let says): return verbose ? [paint.green("  ok       ") + "\(says) [\(result.check.id)]"] : []
        case .unknown(let reason): return verbose ? [line("?", "\(reason) [\(result.check.id)]")] : []
        case .found(let findings):
            var lines = findings.prefix(DoctorReport.shown).flatMap { finding -> [String] in
                let mark = paint.level(finding.level, "  " + Text.left(finding.level.rawValue, 8) + " ")
                var lines = [mark + "\(finding.what) [\(result.check.id)]", line("", "at \(finding.place)")]
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
        let count = examination.results.count
        let well = examination.results.count { if case .well = $0.verdict { true } else { false } }
        let unknown = examination.results.count { if case .unknown = $0.verdict { true } else { false } }
        if well == count { return "\(count) checks, all well" }
        var words = ["\(count) checks: \(well) well"]
        if unknown > 0 { words.append("\(unknown) without facts") }
        for level in [FindingLevel.fault, .warning, .note] {
            let found = examination.count(level)
            if found > 0 { words.append("\(found) \(level.rawValue)\(found == 1 ? "" : "s")") }
        }
        let repairs = Set(examination.repairs).count
        return words.joined(separator: ", ") + (repairs > 0 ? "; --fix repairs \(repairs)" : "")
    }
}
