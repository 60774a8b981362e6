import Pipeline
import Store

/// Heartbeats.
enum ProcessChecks {
    static let all = [
        DoctorCheck("process-stale", .pipeline, stale),
        DoctorCheck("process-future", .pipeline, future),
    ]

    /// Entries of processes that are gone are cleared when the next one joins.
    static func stale(_ facts: DoctorFacts) -> Verdict {
        let key = "\(facts.pipeline.layout.name):procs"
        let cutoff = facts.pipeline.time - max(facts.limits.lease, Heartbeat.lifetime)
        let gone = facts.pipeline.processes.filter { $0.beat < cutoff && $0.fields.isEmpty }
        guard !gone.isEmpty else { return .well("all \(facts.pipeline.processes.count) processes beat") }
        let names = gone.prefix(3).map(\.id).joined(separator: ", ") + (gone.count > 3 ? ", …" : "")
        return .found([
            Finding(
                .note, "\(gone.count) processes ended without a word: \(names)", at: key,
                type: facts.line("ZREMRANGEBYSCORE", key, "-inf", "(\(cutoff)"),
                repair: .forgetProcesses(key: key, before: cutoff))
        ])
    }

    /// A beat from the future, left by a clock that went back, makes a dead process count as alive.
    static func future(_ facts: DoctorFacts) -> Verdict {
        let key = "\(facts.pipeline.layout.name):procs"
        let findings = facts.pipeline.processes.compactMap { process -> Finding? in
            let ahead = process.beat - facts.pipeline.time
            guard ahead > 5000 else { return nil }
            let isDead = process.fields.isEmpty
            return Finding(
                isDead ? .fault : .note,
                "\(process.id) was heard \(ahead / 1000) s in the future: the clock of Redis went back"
                    + (isDead ? ", and the process counts as alive until then" : ""),
                at: key, type: facts.line("ZREM", key, process.id),
                repair: isDead ? .forgetProcess(key: key, id: process.id) : nil)
        }
        return Verdict(findings, otherwise: "no heartbeat is from the future")
    }
}
