import Pipeline
import Store

/// Single lanes: counters, owners, tokens, the event at the head.
enum LaneRules {
    static let all = [
        Rule("lane-balance", .pipeline, balance),
        Rule("lane-owner", .pipeline, needs: \.keys, owner),
        Rule("lane-token", .pipeline, token),
        Rule("lane-stuck", .pipeline, poison),
    ]

    /// For every stage in = out + dropped + held + dead + waiting; for a door without waiting.
    static func balance(_ facts: Facts) -> Rule.Outcome {
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            let missing = lane.missing
            guard missing != 0 else { return nil }
            let key = facts.pipeline.layout.lane(lane.id)
            let sum = LaneFacts.counters.map { "\($0) \(lane.count($0))" }.joined(separator: ", ")
            // An operator who took events out by hand, or put some in, books them, and the lane is sound again.
            let (field, count) = missing > 0 ? ("dropped", missing) : ("in", -missing)
            let amount = missing > 0 ? "\(missing) events are missing in" : "\(-missing) events too many are in"
            return Finding(
                .fault, "\(amount) \(lane.id): \(sum), waiting \(lane.waiting)",
                why: "events were taken out or put in by hand, or were lost", at: key, of: lane.id.stage,
                hint: "find out why; if it was done by hand, book it: "
                    + facts.command("HINCRBY", key, field, String(count)))
        }
        return Rule.Outcome(findings, otherwise: "the counters of all \(facts.pipeline.lanes.count) lanes add up")
    }

    /// The owner of each lane is alive, or its lease runs out within the time of a lease.
    static func owner(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let layout = facts.pipeline.layout
        let heard = facts.pipeline.heard(within: facts.lifetime)
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            guard let owner = lane.owner, !heard.contains(owner) else { return nil }
            let left = lane.deadline - lane.time
            // An event over which workers lost the lane and came back is given a longer lease, up to 16 times.
            let longest = lane.hasAttempts ? 16 * facts.lifetime : facts.lifetime
            if (1...longest).contains(left) {
                return Finding(
                    .note, "\(owner) is silent; its lease of \(lane.id) ends in \((left + 999) / 1000) s",
                    at: layout.lane(lane.id), of: lane.id.stage, hint: "wait; another worker takes the lane then")
            }
            let isServed = !facts.workers(of: lane.id.stage).isEmpty
            let (severity, state): (Severity, String) =
                left > 0
                ? (.fault, "its lease lasts \(left / 1000) s more: a clock went back")
                : isServed ? (.fault, "no worker takes its lane") : (.warning, "no worker runs that serves its lane")
            return Finding(
                severity, "\(owner), the owner of \(lane.id), is dead, and \(state)", at: layout.lane(lane.id),
                of: lane.id.stage,
                type: facts.command(FunctionCall<Void>.leaveWords(pipeline: layout.name, process: owner)),
                repair: .endLeases(pipeline: layout.name, owners: [owner]))
        }
        return Rule.Outcome(findings, otherwise: "every owner lives")
    }

    /// Tokens are at most the server's time in µs, or one more than the last: one far ahead was given by another clock.
    static func token(_ facts: Facts) -> Rule.Outcome {
        let findings = facts.pipeline.lanes.compactMap { lane -> Finding? in
            let key = facts.pipeline.layout.lane(lane.id)
            if let text = lane.fields["token"], Int64(text) == nil {
                return Finding(
                    .fault, "the token '\(text)' is no number", why: "no worker can claim the lane", at: key,
                    of: lane.id.stage, type: facts.command("HSET", key, "token", String(lane.time * 1000)))
            }
            let ahead = (lane.token - lane.time * 1000) / 1_000_000
            guard ahead > 60 else { return nil }
            return Finding(
                .note, "the token is \(ahead) s ahead of the clock of Redis",
                why: "the clock went back; tokens still rise",
                at: key, of: lane.id.stage, hint: "let NTP set the clock of Redis' host")
        }
        return Rule.Outcome(findings, otherwise: "tokens and clock agree")
    }

    static func poison(_ facts: Facts) -> Rule.Outcome {
        let findings = facts.pipeline.lanes.filter { $0.attempts >= 2 }.map { lane in
            Finding(
                .warning,
                "an event of \(lane.id.stage) was begun \(lane.attempts) times and not finished; \(lane.deaths) workers "
                    + "were seen to die over it alone",
                why:
                    "after \(facts.limits.deaths) deaths, that over its batch included, or \(facts.limits.unexplainedLosses) "
                    + "workers that vanished without a sign of why, it becomes a dead letter",
                at: facts.pipeline.layout.lane(lane.id), of: lane.id.stage,
                type: facts.command("LRANGE", facts.pipeline.layout.queue(lane.id), "0", "0"))
        }
        return Rule.Outcome(findings, otherwise: "no event was begun twice and not finished")
    }
}
