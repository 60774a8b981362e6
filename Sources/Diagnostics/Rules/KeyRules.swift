import Configuration
import Console
import Pipeline
import Store

/// The pipeline's keys: their types, their bounds, and those of stages and partitions that are gone.
enum KeyRules {
    static let all = [
        Rule("key-type", .pipeline, needs: \.keys, types),
        Rule("stranded-events", .pipeline, needs: \.keys, strandedEvents),
        Rule("leftover-letters", .pipeline, needs: \.keys, leftoverLetters),
        Rule("letters-full", .pipeline, needs: \.keys, lettersFull),
        Rule("seen-bounds", .pipeline, needs: \.keys, seenBounds),
    ]

    static func types(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let findings = keys.foreignKeys.map { foreign in
            Finding(
                .fault, "the key holds a \(foreign.actual), not a \(foreign.expected)",
                why: "every command of the pipeline that needs it fails", at: foreign.key,
                type: facts.command("RENAME", foreign.key, "\(foreign.key):foreign"),
                hint: "find out which client writes it")
        }
        return Rule.Outcome(findings, otherwise: "every key has its type")
    }

    /// Events in queues of stages or partitions that the pipeline does not have: no worker ever looks there.
    static func strandedEvents(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let findings = keys.strayKeys.filter { $0.kind == "queue" && $0.length > 0 }.map { stray in
            Finding(
                .fault,
                "\(stray.length.grouped) events are stranded: the pipeline has no \(absence(stray, facts))",
                at: stray.key, type: rescue(stray, facts))
        }
        guard findings.isEmpty else { return .found(findings) }
        let looked = keys.keysSeen
        return .well(
            looked >= keys.keysThere
                ? "no events are stranded"
                : "no events are stranded in the \(looked.grouped) of \(keys.keysThere.grouped) "
                    + "keys that were looked at (--all looks at every one)")
    }

    static func leftoverLetters(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let layout = facts.pipeline.layout
        let findings = keys.strayKeys.filter { $0.kind == "dead" || $0.kind == "held" }.map { stray in
            // A shape that was left by an older version did not write its lanes down.
            let isKnown = facts.pipeline.former.contains {
                $0.id == LaneID(stage: stray.stage, partition: stray.partition)
            }
            let listing = "tidings \(stray.kind) list --stage \(stray.stage)"
            let remedy = stray.kind == "dead" ? "dead retry" : "held approve"
            let isStageGone = stray.stage != LaneID.incoming && !layout.stages.contains(stray.stage)
            return Finding(
                .note,
                "\(stray.length.grouped) \(stray.kind == "dead" ? "dead letters" : "held events") of a stage "
                    + "that is gone: the pipeline has no \(absence(stray, facts))", at: stray.key,
                type: isKnown
                    ? listing : facts.command("SADD", layout.former, "\(stray.partition) \(stray.stage)"),
                hint: isKnown
                    ? "then: tidings \(remedy) ID" + (isStageGone ? " --to STAGE" : "") : "then \(listing) shows them")
        }
        return Rule.Outcome(findings, otherwise: "no letters of stages that are gone")
    }

    static func lettersFull(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
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
                        "the list is full with \(count.grouped) letters: the oldest fall off",
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
        return Rule.Outcome(findings, otherwise: "no list of letters is full")
    }

    static func seenBounds(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        // Each of the two sets is closed at half the limit; the batch that fills it may exceed that.
        let most = Int64(facts.duplicates.keys / 2 + facts.limits.batchEvents)
        let findings = keys.partitions.flatMap(\.seen).compactMap { seen -> Finding? in
            if seen.count > most {
                return Finding(
                    .warning,
                    "\(seen.count.grouped) ids are remembered, \(most.grouped) is the limit",
                    at: seen.key, type: facts.command("DEL", seen.key), hint: "repeats of its events pass once")
            }
            guard seen.count > 0, !seen.expires else { return nil }
            return Finding(
                .warning, "the set never expires", at: seen.key,
                type: facts.command("PEXPIRE", seen.key, String(facts.duplicates.window * 2)))
        }
        return Rule.Outcome(findings, otherwise: "ids seen are bounded")
    }

    private static func absence(_ stray: KeyFacts.StrayKey, _ facts: Facts) -> String {
        stray.partition < facts.pipeline.layout.partitions
            ? "stage \(stray.stage)" : "partition \(stray.partition)"
    }

    /// The line that moves stranded events to where they go on: in a partition that exists, to the stage that follows in
    /// the default order; from a partition that is gone, to the open door, which finds their new one, so that they pass
    /// all stages once more.
    private static func rescue(_ stray: KeyFacts.StrayKey, _ facts: Facts) -> String {
        let layout = facts.pipeline.layout
        let move =
            "for i = 1, redis.call('LLEN', KEYS[1]) do redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') end"
        guard stray.partition < layout.partitions, let stage = successor(of: stray.stage, in: layout.stages) else {
            return facts.command("EVAL", move, "2", stray.key, "\(layout.name):incoming")
        }
        let goal = LaneID(stage: stage, partition: stray.partition)
        let counted = "redis.call('HINCRBY', KEYS[3], 'in', redis.call('LLEN', KEYS[1])) " + move
        return facts.command("EVAL", counted, "3", stray.key, layout.queue(goal), layout.lane(goal))
    }

    private static func successor(of stage: String, in stages: [String]) -> String? {
        let order = StageSetting.standard.map(\.name)
        guard let index = order.firstIndex(of: stage) else { return stages.first }
        return order[(index + 1)...].first(where: stages.contains) ?? stages.last
    }
}
