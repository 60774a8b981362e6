import Console
import Pipeline
import Store

/// The lanes: counters, owners, tokens.
enum LaneChecks {
    static let all = [
        DoctorCheck("lane-balance", .pipeline, balance),
        DoctorCheck("lane-owner", .pipeline, owner),
        DoctorCheck("lane-unserved", .pipeline, unserved),
        DoctorCheck("lane-token", .pipeline, token),
        DoctorCheck("lane-paused", .pipeline, paused),
        DoctorCheck("lane-stuck", .pipeline, stuck),
        DoctorCheck("queue-full", .pipeline, queueFull),
    ]

    /// For every stage in = out + dropped + held + dead + waiting; for a door without waiting.
    static func balance(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            guard lane.missing != 0 else { return nil }
            let key = facts.pipeline.layout.lane(lane.id)
            let sum =
                "in \(lane.count("in")), out \(lane.count("out")), dropped \(lane.count("dropped")), "
                + "held \(lane.count("held")), dead \(lane.count("dead")), waiting \(lane.waiting)"
            // An operator who took events out by hand, or put some in, books them, and the lane is sound again.
            let (field, count) = lane.missing > 0 ? ("dropped", lane.missing) : ("in", -lane.missing)
            return Finding(
                .fault,
                lane.missing > 0
                    ? "\(lane.missing) events that came are nowhere: \(sum)"
                    : "\(-lane.missing) events more than came: \(sum)", at: key,
                type: "find out why; when it was done by hand, book it: "
                    + facts.line("HINCRBY", key, field, String(count)))
        }
        return Verdict(findings, otherwise: "the counters of all \(facts.pipeline.lanes.count) lanes add up")
    }

    /// The owner of each lane lives, or its lease runs out within the time of a lease.
    static func owner(_ facts: DoctorFacts) -> Verdict {
        let lease = max(facts.limits.lease, Heartbeat.lifetime)
        let living = facts.pipeline.living(within: lease)
        let ids = facts.pipeline.heard(within: lease)
        var findings: [Finding] = []
        for lane in facts.pipeline.lanes {
            guard let owner = lane.owner, !ids.contains(owner) else { continue }
            let key = facts.pipeline.layout.lane(lane.id)
            let remedy = facts.line(FunctionCall.endLeasesWords(pipeline: facts.pipeline.layout.name, of: [owner]))
            let repair = Repair.bury(pipeline: facts.pipeline.layout.name, owners: [owner])
            let left = lane.deadline - lane.time
            if left > lease {
                findings.append(
                    Finding(
                        .fault, "\(owner) is dead, and its lease lasts \(left / 1000) s more: a clock went back",
                        at: key, type: remedy, repair: repair))
            } else if left > 0 {
                findings.append(
                    Finding(
                        .note, "\(owner) is silent; its lease ends in \((left + 999) / 1000) s", at: key,
                        type: "wait; others take the lane then"))
            } else {
                let isServed = living.contains { serves($0, lane.id.stage) }
                findings.append(
                    Finding(
                        isServed ? .fault : .warning,
                        "\(owner) is dead"
                            + (isServed ? ", and no worker takes its lane" : ", and no worker runs for its lane"),
                        at: key, type: remedy, repair: repair))
            }
        }
        return Verdict(findings, otherwise: "every owner lives")
    }

    /// Somebody works for every stage.
    static func unserved(_ facts: DoctorFacts) -> Verdict {
        let living = facts.pipeline.living(within: max(facts.limits.lease, Heartbeat.lifetime))
        let free = facts.pipeline.lanes.filter { $0.owner == nil }
        if !living.contains(where: \.isWorker) {
            let waiting = facts.pipeline.lanes.reduce(0) { $0 + $1.waiting }
            return .found([
                Finding(
                    waiting > 0 ? .warning : .note, "no worker runs, \(Text.grouped(Int(waiting))) events wait",
                    at: "\(facts.pipeline.layout.name):procs", type: "tidings work")
            ])
        }
        let findings = ([LaneID.incoming] + facts.pipeline.layout.stages).compactMap { stage -> Finding? in
            let lanes = free.filter { $0.id.stage == stage }
            guard let first = lanes.first else { return nil }
            let waiting = Text.grouped(Int(lanes.reduce(0) { $0 + $1.waiting }))
            let isServed = living.contains { serves($0, stage) }
            return Finding(
                .warning,
                isServed
                    ? "\(lanes.count) lanes of \(stage) have no owner though workers serve it, \(waiting) events wait"
                    : "no worker serves \(stage), \(waiting) events wait",
                at: facts.pipeline.layout.lane(first.id),
                type: isServed ? "look again in 20 s; then restart the workers" : "tidings work \(stage)")
        }
        return Verdict(findings, otherwise: "every lane has a worker")
    }

    /// Tokens are at most the server's time in µs, or one more than the last: one far ahead was given by another clock.
    static func token(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            let key = facts.pipeline.layout.lane(lane.id)
            if let text = lane.fields["token"], Int64(text) == nil {
                return Finding(
                    .fault, "the token '\(text)' is no number: no claim succeeds", at: key,
                    type: facts.line("HSET", key, "token", String(lane.time * 1000)))
            }
            let ahead = (lane.token - lane.time * 1000) / 1_000_000
            guard ahead > 60 else { return nil }
            return Finding(
                .note, "the token is \(ahead) s ahead of the clock of Redis, which went back; tokens go on rising",
                at: key,
                type: "let NTP set the clock of Redis' host")
        }
        return Verdict(findings, otherwise: "tokens and clock agree")
    }

    static func paused(_ facts: DoctorFacts) -> Verdict {
        let findings = ([LaneID.incoming] + facts.pipeline.layout.stages).compactMap { stage -> Finding? in
            let lanes = facts.pipeline.lanes.filter { $0.id.stage == stage && $0.isPaused }
            guard let first = lanes.first else { return nil }
            let waiting = Text.grouped(Int(lanes.reduce(0) { $0 + $1.waiting }))
            return Finding(
                .note, "\(lanes.count) lanes of \(stage) are paused, \(waiting) events wait",
                at: facts.pipeline.layout.lane(first.id), type: "tidings resume \(stage)")
        }
        return Verdict(findings, otherwise: "no lane is paused")
    }

    static func stuck(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            guard lane.count("attempts") >= 2 else { return nil }
            return Finding(
                .warning,
                "the event at the head was begun \(lane.count("attempts")) times by workers that did not come back",
                at: facts.pipeline.layout.lane(lane.id),
                type: facts.line("LRANGE", facts.pipeline.layout.queue(lane.id), "0", "0"))
        }
        return Verdict(findings, otherwise: "no event has killed a worker twice")
    }

    static func queueFull(_ facts: DoctorFacts) -> Verdict {
        let limit = Int64(facts.limits.queueEvents)
        guard limit > 0 else { return .well("queues have no limit") }
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            guard !lane.id.isIncoming, lane.waiting >= limit else { return nil }
            return Finding(
                .warning,
                "the queue is full, \(Text.grouped(Int(lane.waiting))) events wait: the lanes before it stand",
                at: facts.pipeline.layout.queue(lane.id),
                type: "see why \(lane.id.stage) is slow, or start more workers: tidings work \(lane.id.stage)")
        }
        return Verdict(findings, otherwise: "no queue is full")
    }

    private static func serves(_ process: ProcessFacts, _ stage: String) -> Bool {
        process.isWorker && !process.isLeaving && process.stages.contains(stage)
    }
}
