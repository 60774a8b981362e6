import Console
package import Redis

/// Decides what is wrong with a pipeline, why, and what to type. Pure: a situation in, advice out, the worst first.
///
/// It looks at what changes by the minute. Settings, limits of the system and the insides of feeds are the doctor's.
package enum StatusAdvisor {
    /// Longer on its way than this, an event is late, in ms.
    package static let late: Int64 = 30_000
    /// Longer silent than this, a process is not well, in ms. Workers beat every 2 s, edges every 4 s.
    package static let silence: Int64 = 9000
    /// A round trip to Redis that takes longer is slow, in µs.
    package static let slowRoundTrip: Int64 = 20_000

    package static func advise(_ situation: StatusSituation) -> [StatusAdvice] {
        let rules = [memory, persistence, workers, stages, balance, full, stuck, poison, letters, processes]
        // Sorting keeps the order of the rules within a level.
        let advice = rules.flatMap { $0(situation) }
        return [FindingLevel.fault, .warning, .note].flatMap { level in advice.filter { $0.level == level } }
    }

    /// What to say when there is no report.
    package static func unreachable(_ error: RedisError, pipeline: String, client: String) -> StatusAdvice {
        switch error.code {
        case .loading:
            StatusAdvice(
                .fault, "redis", "Redis reads its data from disk", why: "it serves when it is done; nothing is lost",
                type: "\(client) INFO persistence | grep loading")
        case .denied:
            StatusAdvice(
                .fault, "redis", "Redis refuses this user: \(error.message)",
                why: "user, password or rights are not what the pipeline needs", type: "tidings doctor")
        case .functionMissing:
            StatusAdvice(
                .fault, "redis", "the function library is not loaded", why: "Redis was emptied or is a new one",
                type: "tidings doctor --fix")
        case .busy:
            StatusAdvice(
                .fault, "redis", "a script keeps Redis busy", why: "everything waits until it ends",
                type: "\(client) FUNCTION STATS")
        case .reply where error.message.contains("no pipeline is called"):
            StatusAdvice(
                .warning, "redis", "there is no pipeline \(pipeline) in this Redis",
                why: "no process has started yet, or this is another Redis than theirs", type: "tidings work")
        case .disconnected, .timeout:
            StatusAdvice(
                .fault, "redis", "Redis does not answer: \(error.message)",
                why: "nothing moves until it does; edges hold their readers, and what was accepted stays in its queues",
                type: "\(client) PING", hint: "and: systemctl status redis-server")
        default:
            StatusAdvice(
                .fault, "redis", "Redis answers with an error: \(error.message)",
                why: "it says itself what is wrong", type: "tidings doctor")
        }
    }

    private static func memory(_ situation: StatusSituation) -> [StatusAdvice] {
        let server = situation.report.server
        var advice: [StatusAdvice] = []
        if let policy = server["maxmemory_policy"], policy != "noeviction" {
            advice.append(
                StatusAdvice(
                    .fault, "redis", "Redis may delete queues: maxmemory-policy is \(policy)",
                    why: "when memory is short it deletes keys, and events with them", type: "tidings doctor --fix"))
        }
        guard let limit = server.number("maxmemory"), limit > 0, let used = server.number("used_memory") else {
            return advice
        }
        let share = used * 100 / limit
        let amounts = "\(Text.megabytes(used)) of \(Text.megabytes(limit))"
        let remedy = "\(situation.client) --bigkeys"
        let hint = "or, where the host has room: \(situation.client) CONFIG SET maxmemory \((limit * 3 / 2) >> 20)mb"
        if share >= 100 {
            advice.append(
                StatusAdvice(
                    .fault, "redis", "Redis is out of memory: \(amounts)",
                    why: "it takes no new comments; what is in the queues goes on", type: remedy, hint: hint))
        } else if share >= 80 {
            advice.append(
                StatusAdvice(
                    .warning, "redis", "\(share) % of Redis' memory are used: \(amounts)",
                    why: "at 100 % it takes no new comments", type: remedy, hint: hint))
        }
        return advice
    }

    private static func persistence(_ situation: StatusSituation) -> [StatusAdvice] {
        guard let status = situation.report.server["aof_last_write_status"], status != "ok",
            situation.report.server.number("aof_enabled") == 1
        else { return [] }
        return [
            StatusAdvice(
                .fault, "redis", "Redis cannot write its append-only file",
                why: "it refuses all writes until it can; usually the disk is full",
                type: "\(situation.client) CONFIG GET dir", hint: "then: df -h THAT_FOLDER")
        ]
    }

    /// Nobody works at all, or nobody serves readers.
    private static func workers(_ situation: StatusSituation) -> [StatusAdvice] {
        let report = situation.report
        var advice: [StatusAdvice] = []
        if !report.processes.contains(where: { $0.role == "worker" }) {
            let waiting = report.stages.reduce(0) { $0 + $1.waiting }
            advice.append(
                StatusAdvice(
                    .fault, "workers", "no worker runs; \(events(waiting, "waits", "wait"))",
                    why: "no worker was heard of for 15 s", type: "tidings work",
                    hint: "or: systemctl start tidings-work"))
        }
        if !report.processes.contains(where: { $0.role == "edge" }) {
            advice.append(
                StatusAdvice(
                    .warning, "edges", "no edge runs", why: "readers get nothing; what is published is kept for them",
                    type: "tidings edge", hint: "or: systemctl start tidings-edge"))
        }
        return advice
    }

    /// Stages that take nothing since somebody paused them, or since nobody serves them.
    private static func stages(_ situation: StatusSituation) -> [StatusAdvice] {
        let report = situation.report
        return report.stages.flatMap { stage -> [StatusAdvice] in
            var advice: [StatusAdvice] = []
            let waiting = events(stage.waiting, "waits", "wait")
            if stage.paused > 0 {
                let part = stage.paused < stage.lanes.count ? "in \(stage.paused) of \(stage.lanes.count) lanes " : ""
                advice.append(
                    StatusAdvice(
                        .warning, stage.name, "\(stage.name) is paused \(part)and takes nothing; \(waiting)",
                        why: "somebody paused it", type: "tidings resume \(stage.name)"))
            }
            guard stage.served < stage.lanes.count, report.processes.contains(where: { $0.role == "worker" }) else {
                return advice
            }
            if report.workers(of: stage.name).isEmpty {
                advice.append(
                    StatusAdvice(
                        .fault, stage.name, "no worker serves \(stage.name); \(waiting)",
                        why: "the workers that run were started for other stages", type: "tidings work \(stage.name)"))
            } else {
                let stood = situation.earlier?.stage(stage.name).map { $0.served < $0.lanes.count } ?? false
                advice.append(
                    StatusAdvice(
                        stood ? .warning : .note, stage.name,
                        "\(stage.lanes.count - stage.served) of \(stage.lanes.count) lanes of \(stage.name) have no worker",
                        why: "a worker has died or left; others take its lanes within 12 s",
                        type: "tidings doctor", hint: "when it lasts"))
            }
            return advice
        }
    }

    /// For every lane in = out + dropped + held + dead + waiting.
    private static func balance(_ situation: StatusSituation) -> [StatusAdvice] {
        situation.report.stages.compactMap { stage in
            let missing = stage.lanes.reduce(0) { $0 + abs($1.missing) }
            guard missing > 0 else { return nil }
            return StatusAdvice(
                .warning, stage.name, "the counters of \(stage.name) are off by \(Text.grouped(Int(missing)))",
                why: "events were taken out or put in by hand, or were lost", type: "tidings doctor")
        }
    }

    /// The last of a row of full queues: those before it are full because of it.
    private static func full(_ situation: StatusSituation) -> [StatusAdvice] {
        situation.report.stages.compactMap { stage in
            let full = stage.lanes.filter(situation.isFull)
            guard !full.isEmpty, !situation.isExplained(stage) else { return nil }
            let place = full.count == 1 ? "a queue" : "\(full.count) queues"
            return StatusAdvice(
                .warning, stage.name, "\(place) of \(stage.name) full; the stages before it stand",
                why: "more comes than \(stage.name) takes", type: "tidings work \(stage.name)",
                hint: "more workers for it")
        }
    }

    /// Stages whose events are late, though somebody serves them.
    private static func stuck(_ situation: StatusSituation) -> [StatusAdvice] {
        situation.report.stages.compactMap { stage in
            guard let oldest = stage.oldest, oldest >= late, !situation.isExplained(stage),
                !stage.lanes.contains(where: situation.isFull)
            else { return nil }
            let age = Text.seconds(Double(oldest / 1000))
            if situation.moves(stage) == true {
                return StatusAdvice(
                    .note, stage.name, "\(stage.name) is behind: its oldest event is on its way for \(age)",
                    why: "it takes what has gathered; watch whether `waiting` falls", type: "tidings status --watch")
            }
            return StatusAdvice(
                .warning, stage.name,
                "\(stage.name) may be stuck: its oldest event is on its way for \(age), "
                    + events(stage.waiting, "waits", "wait"),
                why: "its events fail and are tried again, or what it calls is slow or away",
                type: "journalctl -u tidings-work --since -10min | grep 'stage failed'")
        }
    }

    private static func poison(_ situation: StatusSituation) -> [StatusAdvice] {
        situation.report.stages.flatMap(\.lanes).filter { $0.attempts >= 2 }.map { lane in
            StatusAdvice(
                .warning, lane.stage, "an event of \(lane.stage) has ended its worker \(lane.attempts) times",
                why: "after three times it becomes a dead letter",
                type: "\(situation.client) LRANGE '\(lane.queue)' 0 0")
        }
    }

    private static func letters(_ situation: StatusSituation) -> [StatusAdvice] {
        func places(_ count: (StatusStage) -> Int64) -> (sum: Int64, words: String)? {
            let stages = situation.report.stages.filter { count($0) > 0 }
            guard !stages.isEmpty else { return nil }
            let words = stages.map { "\($0.name) \(Text.grouped(Int(count($0))))" }.joined(separator: ", ")
            return (stages.reduce(0) { $0 + count($1) }, words)
        }
        var advice: [StatusAdvice] = []
        if let (sum, words) = places(\.deadLetters) {
            advice.append(
                StatusAdvice(
                    .warning, "dead", sum == 1 ? "1 dead letter" : "\(Text.grouped(Int(sum))) dead letters",
                    why: "events that could not be taken: \(words)",
                    type: "tidings dead list", hint: "then: tidings dead retry ID, or dead drop ID"))
        }
        if let (sum, words) = places(\.heldEvents) {
            advice.append(
                StatusAdvice(
                    .note, "held", "\(events(sum, "waits", "wait")) for a person", why: "held by \(words)",
                    type: "tidings held list", hint: "then: tidings held approve ID, or held reject ID"))
        }
        return advice
    }

    /// Processes that are silent, or whose way to Redis is slow.
    private static func processes(_ situation: StatusSituation) -> [StatusAdvice] {
        let time = situation.report.time
        var advice = situation.report.processes.filter { time - $0.beat >= silence && !$0.isLeaving }.map { process in
            StatusAdvice(
                .warning, process.role == "edge" ? "edges" : "workers",
                "\(process.role) \(process.id) was last heard of \((time - process.beat) / 1000) s ago",
                why: "it hangs, was stopped, or its host or network is away",
                type: "ps -o pid,stat,etime,args -p \(process.pid)", hint: "on \(process.host)")
        }
        let slow = situation.report.processes.filter { $0.roundTrip >= slowRoundTrip }
        if let slowest = slow.max(by: { $0.roundTrip < $1.roundTrip }) {
            advice.append(
                StatusAdvice(
                    .warning, "redis", "Redis is slow: \(slowest.roundTrip / 1000) ms for \(slowest.id)",
                    why: "a slow command, a slow disk, or a host that is short of processors",
                    type: "\(situation.client) SLOWLOG GET 10"))
        }
        return advice
    }

    private static func events(_ count: Int64, _ singular: String, _ plural: String) -> String {
        count == 1 ? "1 event \(singular)" : "\(Text.grouped(Int(count))) events \(plural)"
    }
}
