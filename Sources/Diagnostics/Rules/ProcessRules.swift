import Pipeline
import Store

/// Processes, as their heartbeats show them.
enum ProcessRules {
    /// A process that was not heard of for longer than this is not well, in ms. Workers beat every 2 s, edges every 4 s.
    static let silence: Int64 = 9000
    /// A round trip to Redis that takes longer is slow, in µs.
    static let slowRoundTrip: Int64 = 20_000

    static let all = [
        Rule("edge-missing", .pipeline, edges),
        Rule("process-silent", .pipeline, silent),
        Rule("process-round-trip", .pipeline, roundTrip),
        Rule("process-stale", .pipeline, needs: \.keys, stale),
        Rule("process-future", .pipeline, needs: \.keys, future),
    ]

    static func edges(_ facts: Facts) -> Rule.Outcome {
        let count = facts.living.count { $0.isEdge }
        guard count == 0 else { return .well(count == 1 ? "1 edge runs" : "\(count) edges run") }
        return .found([
            Finding(
                facts.living.isEmpty ? .note : .warning, "no edge runs",
                why: "readers get nothing; what is published is kept for them", at: facts.pipeline.layout.processes,
                of: "edges", type: "tidings edge", hint: "or: systemctl start tidings-edge")
        ])
    }

    static func silent(_ facts: Facts) -> Rule.Outcome {
        let findings = facts.living.compactMap { process -> Finding? in
            let age = facts.pipeline.time - process.beat
            guard age >= silence, !process.isLeaving else { return nil }
            return Finding(
                .warning, "\(process.role) \(process.id) was last heard of \(age / 1000) s ago",
                why: "it hangs, was stopped, or its host or network is away", at: facts.pipeline.layout.processes,
                of: subject(process), type: "ps -o pid,stat,etime,args -p \(process.pid)", hint: "on \(process.host)")
        }
        return Rule.Outcome(findings, otherwise: "all processes were heard of within \(silence / 1000) s")
    }

    static func roundTrip(_ facts: Facts) -> Rule.Outcome {
        guard let slowest = facts.living.max(by: { $0.roundTrip < $1.roundTrip }) else {
            return .well("no process runs")
        }
        let milliseconds = slowest.roundTrip / 1000
        guard slowest.roundTrip >= slowRoundTrip else {
            return .well("Redis answers every process within \(milliseconds + 1) ms")
        }
        return .found([
            Finding(
                .warning, "Redis is slow: \(milliseconds) ms for \(slowest.id)",
                why: "a slow command, a slow disk, or a host that is short of processors",
                at: "\(facts.pipeline.layout.name):proc:\(slowest.id)", of: "redis",
                type: facts.command("SLOWLOG", "GET", "10"))
        ])
    }

    /// Entries of dead processes. The next process that joins removes them.
    static func stale(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let key = facts.pipeline.layout.processes
        let cutoff = facts.pipeline.time - facts.lifetime
        let gone = facts.pipeline.processes.filter { $0.beat < cutoff && $0.fields.isEmpty }
        guard !gone.isEmpty else { return .well("all \(facts.pipeline.processes.count) processes beat") }
        let names = gone.prefix(3).map(\.id).joined(separator: ", ") + (gone.count > 3 ? ", …" : "")
        return .found([
            Finding(
                .note, "\(gone.count) processes ended without signing off: \(names)", at: key,
                type: facts.command("ZREMRANGEBYSCORE", key, "-inf", "(\(cutoff)"),
                repair: .removeHeartbeats(key: key, before: cutoff))
        ])
    }

    /// A heartbeat from the future, left by a clock that went back, makes a dead process count as alive.
    static func future(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let key = facts.pipeline.layout.processes
        let findings = facts.pipeline.processes.compactMap { process -> Finding? in
            let ahead = process.beat - facts.pipeline.time
            guard ahead > 5000 else { return nil }
            let isDead = process.fields.isEmpty
            return Finding(
                isDead ? .fault : .note,
                "the heartbeat of \(process.id) is \(ahead / 1000) s in the future: the clock of Redis went back",
                why: isDead ? "the process is dead and counts as alive until then" : nil, at: key,
                type: facts.command("ZREM", key, process.id),
                repair: isDead ? .removeHeartbeat(key: key, id: process.id) : nil)
        }
        return Rule.Outcome(findings, otherwise: "no heartbeat is from the future")
    }

    private static func subject(_ process: ProcessFacts) -> String { process.isEdge ? "edges" : "workers" }
}
