import Pipeline
import Redis
import Store
import Thoonk

/// The pipeline as a whole: functions, shape, epoch.
enum PipelineRules {
    static let all = [
        Rule("functions", .pipeline, needs: \.probes, functions),
        Rule("pipeline-config", .pipeline, needs: \.keys, config),
        Rule("pipeline-differs", .pipeline, needs: \.keys, differs),
        Rule("epoch", .pipeline, needs: \.keys, epoch),
    ]

    /// The version of the function library that this program brings along.
    static let libraryVersion = FunctionLibrary.tidings.version

    static func functions(_ facts: Facts, _ probes: ServerProbes) -> Rule.Outcome {
        let own = libraryVersion
        func outdated(_ what: String, at place: String) -> Rule.Outcome {
            .found([
                Finding(
                    .warning, what, at: place, type: "tidings doctor --fix",
                    hint: "every process loads it when it starts", repair: .loadFunctions)
            ])
        }
        guard let version = probes.libraryVersion else {
            return outdated("the function library is not loaded", at: "FUNCTION LIST")
        }
        if version < own {
            return outdated(
                "the function library has version \(version), this program brings \(own)", at: "tidings_version")
        }
        guard version > own else { return .well("the function library has version \(own)") }
        return .found([
            Finding(
                .note, "the function library has version \(version), this program brings \(own)",
                at: "tidings_version", hint: "install the newer tidings on this host as well")
        ])
    }

    static func config(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        let layout = facts.pipeline.layout
        let key = "\(layout.name):config"
        if keys.config.isEmpty {
            let waiting = facts.pipeline.lanes.reduce(0) { $0 + $1.waiting }
            let isUsed = facts.pipeline.lanes.contains { !$0.fields.isEmpty }
            return .found([
                Finding(
                    isUsed ? .fault : .note,
                    isUsed
                        ? "the pipeline's configuration is gone; its lanes are there, and \(waiting.grouped) events wait"
                        : "there is no pipeline \(layout.name) in this Redis yet"
                            + (waiting > 0 ? ", and \(waiting.grouped) events wait for it" : ""),
                    at: key, type: "tidings work", hint: "the first process that starts writes it")
            ])
        }
        let isSound =
            keys.config["contract"].flatMap { Int($0) } != nil
            && keys.config["partitions"].flatMap { Int($0) }.map { (1...1024).contains($0) } == true
            && keys.config["stages"]?.isEmpty == false
        guard isSound else {
            return .found([
                Finding(
                    .fault, "contract, partitions or stages are missing or are no numbers", at: key,
                    type: facts.command("HGETALL", key), hint: "stop all processes, then correct what is wrong")
            ])
        }
        return .well("\(layout.partitions) partitions, stages \(layout.stages.joined(separator: ", "))")
    }

    static func differs(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        guard !keys.config.isEmpty else { return .unknown("there is no pipeline to compare with") }
        let expected = [
            ("contract", String(PipelineLayout.contract)), ("partitions", String(keys.expected.partitions)),
            ("stages", keys.expected.stages.joined(separator: ",")),
        ]
        let findings = expected.compactMap { field, here -> Finding? in
            guard let there = keys.config[field], there != here else { return nil }
            return Finding(
                field == "contract" ? .fault : .warning,
                "the pipeline has \(field) \(there) in Redis, \(here) in this configuration",
                why: "a process with this configuration is refused", at: "\(facts.pipeline.layout.name):config",
                hint: field == "contract"
                    ? "install the version of tidings that runs elsewhere"
                    : "use the tidings.yaml of the running processes: --config FILE")
        }
        return Rule.Outcome(findings, otherwise: "this configuration is the one in Redis")
    }

    static func epoch(_ facts: Facts, _ keys: KeyFacts) -> Rule.Outcome {
        guard let runID = facts.server.info["run_id"] else { return ServerRules.unreadable(facts) }
        guard !keys.config.isEmpty else { return .unknown("there is no pipeline") }
        let name = facts.pipeline.layout.name
        let stale = keys.partitions.filter { $0.runID != runID }
        if let first = stale.first {
            let isLive = !facts.pipeline.living(within: Heartbeat.lifetime).isEmpty
            return .found([
                Finding(
                    isLive ? .warning : .note,
                    "\(stale.count) partitions still have the epoch of an earlier run of Redis",
                    why: "offsets of readers may point to events that were lost", at: "{\(name).\(first.number)}:epoch",
                    hint: isLive
                        ? "each heartbeat renews it: look again in a few seconds, and then at the log of the processes"
                        : "tidings work: the first process that connects renews it")
            ])
        }
        if Set(keys.partitions.map(\.epoch)).count > 1 {
            return .found([
                Finding(
                    .warning, "partitions have different epochs, though one server renews all of them together",
                    at: "{\(name).*}:epoch", type: facts.command("HGETALL", "{\(name).0}:epoch"))
            ])
        }
        return .well("the epoch is this server's")
    }
}
