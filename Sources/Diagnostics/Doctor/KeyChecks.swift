import Configuration
import Console
import Pipeline
import Store

/// Keys: their types, their bounds, and those that belong to nothing.
enum KeyChecks {
    static let all = [
        DoctorCheck("key-type", .pipeline, types),
        DoctorCheck("stranded-events", .pipeline, strandedEvents),
        DoctorCheck("leftover-letters", .pipeline, leftoverLetters),
        DoctorCheck("letters-full", .pipeline, lettersFull),
        DoctorCheck("letters", .pipeline, letters),
        DoctorCheck("seen-bounds", .pipeline, seenBounds),
    ]

    static func types(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.foreignKeys.map { foreign in
            Finding(
                .fault, "the key holds a \(foreign.actual), not a \(foreign.expected): what needs it fails",
                at: foreign.key,
                type: "find out who writes it; put it aside: "
                    + facts.line("RENAME", foreign.key, "\(foreign.key):foreign"))
        }
        return Verdict(findings, otherwise: "every key has its type")
    }

    /// Queues of stages or partitions that the pipeline does not have: nobody will ever look there.
    static func strandedEvents(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.strayKeys.filter { $0.kind == "queue" && $0.length > 0 }.map { stray in
            Finding(
                .fault,
                "\(Text.grouped(Int(stray.length))) events are stranded: the pipeline has no \(absence(stray, facts))",
                at: stray.key, type: rescue(stray, facts))
        }
        guard findings.isEmpty else { return .found(findings) }
        let looked = facts.pipeline.keysSeen
        return .well(
            looked >= facts.pipeline.keysThere
                ? "no events are stranded"
                : "no events are stranded in the \(Text.grouped(Int(looked))) of \(Text.grouped(Int(facts.pipeline.keysThere))) "
                    + "keys that were looked at (--all looks at every one)")
    }

    static func leftoverLetters(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.pipeline.strayKeys.filter { $0.kind == "dead" || $0.kind == "held" }.map { stray in
            Finding(
                .note,
                "\(Text.grouped(Int(stray.length))) \(stray.kind == "dead" ? "dead letters" : "held events") of a stage "
                    + "that is gone: the pipeline has no \(absence(stray, facts))", at: stray.key,
                type: facts.line("LRANGE", stray.key, "0", "-1") + "   # when nobody needs them: "
                    + facts.line("DEL", stray.key))
        }
        return Verdict(findings, otherwise: "no letters of stages that are gone")
    }

    static func lettersFull(_ facts: DoctorFacts) -> Verdict {
        var findings: [Finding] = []
        for lane in facts.pipeline.lanes {
            let lists = [
                ("dead", lane.deadLetters, facts.limits.deadLetters, facts.pipeline.layout.dead(lane.id)),
                ("held", lane.heldEvents, facts.limits.heldEvents, facts.pipeline.layout.held(lane.id)),
            ]
            for (kind, count, cap, key) in lists where count >= cap {
                findings.append(
                    Finding(
                        .warning,
                        "the list has \(Text.grouped(Int(count))) of \(Text.grouped(cap)) letters: the oldest fall off",
                        at: key,
                        type: "tidings \(kind) list --stage \(lane.id.stage)"))
            }
            for field in ["dead", "held", "unpublished"] where lane.count("\(field):forgotten") > 0 {
                findings.append(
                    Finding(
                        .note,
                        "\(Text.grouped(Int(lane.count("\(field):forgotten")))) letters have fallen off the full list of "
                            + "\(field)", at: facts.pipeline.layout.lane(lane.id)))
            }
        }
        return Verdict(findings, otherwise: "no list of letters is full")
    }

    static func letters(_ facts: DoctorFacts) -> Verdict {
        let dead = facts.pipeline.lanes.reduce(0) { $0 + $1.deadLetters }
        let held = facts.pipeline.lanes.reduce(0) { $0 + $1.heldEvents }
        var findings: [Finding] = []
        let name = facts.pipeline.layout.name
        if dead > 0 {
            findings.append(
                Finding(
                    .note, "\(Text.grouped(Int(dead))) dead letters", at: "{\(name).*}:dead:*",
                    type: "tidings dead list"))
        }
        if held > 0 {
            findings.append(
                Finding(
                    .note, "\(Text.grouped(Int(held))) held events wait for a person", at: "{\(name).*}:held:*",
                    type: "tidings held list"))
        }
        return Verdict(findings, otherwise: "no dead letters, no held events")
    }

    static func seenBounds(_ facts: DoctorFacts) -> Verdict {
        // Each of the two sets is closed at half the limit; the batch that fills it may exceed that.
        let most = Int64(facts.duplicates.keys / 2 + facts.limits.batchEvents)
        let findings = facts.pipeline.partitions.flatMap(\.seen).compactMap { seen -> Finding? in
            if seen.count > most {
                return Finding(
                    .warning,
                    "\(Text.grouped(Int(seen.count))) ids are remembered, \(Text.grouped(Int(most))) is the limit",
                    at: seen.key, type: facts.line("DEL", seen.key) + "   # repeats of its events pass once")
            }
            guard seen.count > 0, !seen.expires else { return nil }
            return Finding(
                .warning, "the set never expires", at: seen.key,
                type: facts.line("PEXPIRE", seen.key, String(facts.duplicates.window * 2)))
        }
        return Verdict(findings, otherwise: "ids seen are bounded")
    }

    private static func absence(_ stray: PipelineFacts.StrayKey, _ facts: DoctorFacts) -> String {
        stray.partition < facts.pipeline.layout.partitions
            ? "stage \(stray.stage)" : "partition \(stray.partition)"
    }

    /// The line that takes stranded events to where they go on. Within a partition that is there: to the stage that
    /// follows in the default order. From a partition that is gone: to the open door, which finds theirs; they pass all
    /// stages once more.
    private static func rescue(_ stray: PipelineFacts.StrayKey, _ facts: DoctorFacts) -> String {
        let layout = facts.pipeline.layout
        let move =
            "for i = 1, redis.call('LLEN', KEYS[1]) do redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') end"
        guard stray.partition < layout.partitions, let stage = successor(of: stray.stage, in: layout.stages) else {
            return facts.line("EVAL", move, "2", stray.key, "\(layout.name):incoming")
        }
        let goal = LaneID(stage: stage, partition: stray.partition)
        let counted = "redis.call('HINCRBY', KEYS[3], 'in', redis.call('LLEN', KEYS[1])) " + move
        return facts.line("EVAL", counted, "3", stray.key, layout.queue(goal), layout.lane(goal))
    }

    private static func successor(of stage: String, in stages: [String]) -> String? {
        let order = StageSetting.standard.map(\.name)
        guard let index = order.firstIndex(of: stage) else { return stages.first }
        return order[(index + 1)...].first(where: stages.contains) ?? stages.last
    }
}
