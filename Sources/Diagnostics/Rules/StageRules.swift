import Console
import Pipeline
import Store

/// Stages: whether workers take their events, and the events that they have set aside.
enum StageRules {
    /// An event that is on its way for longer than this is late, in ms.
    static let lateAfter: Int64 = 30_000

    static let all = [
        Rule("lane-unserved", .pipeline, unserved),
        Rule("lane-paused", .pipeline, paused),
        Rule("queue-full", .pipeline, queueFull),
        Rule("stage-late", .pipeline, late),
        Rule("letters", .pipeline, letters),
    ]

    static func unserved(_ facts: Facts) -> Rule.Outcome {
        guard facts.living.contains(where: \.isWorker) else { return .found([noWorker(facts)]) }
        let findings = facts.stages.compactMap { stage -> Finding? in
            let missing = stage.lanes.count - stage.served
            guard missing > 0 else { return nil }
            let place = facts.pipeline.layout.lane(stage.lanes[0].id)
            if facts.workers(of: stage.name).isEmpty {
                return Finding(
                    .fault, "no worker serves \(stage.name); \(events(stage.waiting, "waits", "wait"))",
                    why: "the workers that run were started for other stages", at: place, of: stage.name,
                    type: "tidings work \(stage.name)")
            }
            let before = facts.earlier?.stages(within: facts.lifetime).first { $0.name == stage.name }
            let lasts = before.map { $0.served < $0.lanes.count } ?? false
            return Finding(
                lasts ? .warning : .note,
                "\(missing) of \(stage.lanes.count) lanes of \(stage.name) have no worker",
                why: "a worker has died or left; others take its lanes within 12 s", at: place, of: stage.name,
                type: "tidings status --watch", hint: "if it lasts, restart the workers")
        }
        return Rule.Outcome(findings, otherwise: "every lane has a worker")
    }

    /// Without workers, a pipeline whose edges run is broken; one without any process was stopped.
    private static func noWorker(_ facts: Facts) -> Finding {
        let waiting = facts.pipeline.lanes.reduce(0) { $0 + $1.waiting }
        return Finding(
            facts.living.contains(where: \.isEdge) ? .fault : waiting > 0 ? .warning : .note,
            "no worker runs; \(events(waiting, "waits", "wait"))",
            why: "no worker was heard of for \(facts.lifetime / 1000) s", at: facts.pipeline.layout.processes,
            of: "workers", type: "tidings work", hint: "or: systemctl start tidings-work")
    }

    static func paused(_ facts: Facts) -> Rule.Outcome {
        let findings = facts.stages.compactMap { stage -> Finding? in
            guard let first = stage.lanes.first(where: \.isPaused) else { return nil }
            let part = stage.paused < stage.lanes.count ? "in \(stage.paused) of \(stage.lanes.count) lanes " : ""
            return Finding(
                .warning, "\(stage.name) is paused \(part)and takes nothing; \(events(stage.waiting, "waits", "wait"))",
                why: "somebody paused it", at: facts.pipeline.layout.lane(first.id), of: stage.name,
                type: "tidings resume \(stage.name)")
        }
        return Rule.Outcome(findings, otherwise: "no lane is paused")
    }

    /// In a row of full queues only the last is told: those before it are full because of it.
    static func queueFull(_ facts: Facts) -> Rule.Outcome {
        let findings = unexplained(facts).compactMap { stage -> Finding? in
            let full = stage.lanes.filter(facts.isFull)
            guard let first = full.first else { return nil }
            return Finding(
                .warning,
                (full.count == 1 ? "a queue of \(stage.name) is" : "\(full.count) queues of \(stage.name) are")
                    + " full; the stages before it stand",
                why: "more events arrive than \(stage.name) takes", at: facts.pipeline.layout.queue(first.id),
                of: stage.name, type: "tidings work \(stage.name)", hint: "more workers for it")
        }
        return Rule.Outcome(
            findings, otherwise: facts.limits.queueEvents > 0 ? "no queue is full" : "queues have no limit")
    }

    /// Stages whose events are late although workers serve them and their queues are not full.
    static func late(_ facts: Facts) -> Rule.Outcome {
        let findings = unexplained(facts).compactMap { stage -> Finding? in
            guard let oldest = stage.oldest, oldest >= lateAfter, !stage.lanes.contains(where: facts.isFull),
                let first = stage.lanes.first(where: { $0.oldest == oldest })
            else { return nil }
            let age = Text.seconds(Double(oldest / 1000))
            let place = facts.pipeline.layout.queue(first.id)
            if facts.moves(stage) == true {
                return Finding(
                    .note, "\(stage.name) is behind: its oldest event is on its way for \(age)",
                    why: "it works through what has gathered; watch whether `waiting` falls", at: place,
                    of: stage.name, type: "tidings status --watch")
            }
            return Finding(
                .warning,
                "\(stage.name) may be stuck: its oldest event is on its way for \(age), "
                    + events(stage.waiting, "waits", "wait"),
                why: "its events fail and are tried again, or what it calls is slow or away", at: place,
                of: stage.name, type: "journalctl -u tidings-work --since -10min | grep 'stage failed'")
        }
        return Rule.Outcome(findings, otherwise: "no event that a worker could take is on its way for 30 s")
    }

    static func letters(_ facts: Facts) -> Rule.Outcome {
        let name = facts.pipeline.layout.name
        func sum(
            _ count: (StageFacts) -> Int64, _ left: (FormerLane) -> Int64
        ) -> (count: Int64, stages: String)? {
            let stages = facts.stages.filter { count($0) > 0 }
            let former = facts.pipeline.former.reduce(0) { $0 + left($1) }
            guard !stages.isEmpty || former > 0 else { return nil }
            var words = stages.map { "\($0.name) \(count($0).grouped)" }
            if former > 0 { words.append("stages or partitions that are gone \(former.grouped)") }
            return (stages.reduce(former) { $0 + count($1) }, words.joined(separator: ", "))
        }
        var findings: [Finding] = []
        if let dead = sum(\.deadLetters, \.deadLetters) {
            findings.append(
                Finding(
                    .warning, dead.count == 1 ? "1 dead letter" : "\(dead.count.grouped) dead letters",
                    why: "events that could not be taken: \(dead.stages)", at: "{\(name).*}:dead:*", of: "dead",
                    type: "tidings dead list", hint: "then: tidings dead retry ID, or dead drop ID"))
        }
        if let held = sum(\.heldEvents, \.heldEvents) {
            findings.append(
                Finding(
                    .note, "\(events(held.count, "waits", "wait")) for a person", why: "held by \(held.stages)",
                    at: "{\(name).*}:held:*", of: "held", type: "tidings held list",
                    hint: "then: tidings held approve ID, or held reject ID"))
        }
        return Rule.Outcome(findings, otherwise: "no dead letters, no held events")
    }

    /// The stages that nothing else keeps from taking events: a worker serves them, they are not paused, and the queues
    /// of the stage after them are not full.
    private static func unexplained(_ facts: Facts) -> [StageFacts] {
        let stages = facts.stages
        return stages.enumerated().compactMap { index, stage in
            let next = index + 1 < stages.count ? stages[index + 1] : nil
            if stage.paused > 0 || stage.served == 0 || next?.lanes.contains(where: facts.isFull) == true { return nil }
            return stage
        }
    }

    private static func events(_ count: Int64, _ singular: String, _ plural: String) -> String {
        count == 1 ? "1 event \(singular)" : "\(count.grouped) events \(plural)"
    }
}
