import Console
import Pipeline
import Redis
import Store

/// The pipeline as a whole: functions, shape, epoch.
enum PipelineChecks {
    static let all = [
        DoctorCheck("functions", .pipeline, functions),
        DoctorCheck("pipeline-config", .pipeline, config),
        DoctorCheck("pipeline-differs", .pipeline, differs),
        DoctorCheck("epoch", .pipeline, epoch),
    ]

    /// The version of the function library that this program brings along.
    static let libraryVersion = FunctionLibrary.tidings.version

    static func functions(_ facts: DoctorFacts) -> Verdict {
        let own = libraryVersion
        let remedy = "tidings doctor --fix   # every process that starts does it as well"
        switch facts.server.libraryVersion {
        case nil:
            return .found([
                Finding(
                    .warning, "the function library is not loaded", at: "FUNCTION LIST", type: remedy,
                    repair: .loadFunctions)
            ])
        case let version? where version < own:
            return .found([
                Finding(
                    .warning, "the function library has version \(version), this program brings \(own)",
                    at: "tidings_version", type: remedy, repair: .loadFunctions)
            ])
        case let version? where version > own:
            return .found([
                Finding(
                    .note, "the function library has version \(version), this program knows \(own)",
                    at: "tidings_version", type: "install the newer tidings here as well")
            ])
        default: return .well("the function library has version \(own)")
        }
    }

    static func config(_ facts: DoctorFacts) -> Verdict {
        let pipeline = facts.pipeline
        let key = pipeline.layout.config
        if pipeline.config.isEmpty {
            let waiting = pipeline.lanes.reduce(0) { $0 + $1.waiting }
            let isUsed = pipeline.lanes.contains { !$0.fields.isEmpty }
            return .found([
                Finding(
                    isUsed ? .fault : .note,
                    isUsed
                        ? "the configuration is gone, while lanes are there and \(Text.grouped(Int(waiting))) events wait"
                        : "there is no pipeline \(pipeline.layout.name) here yet"
                            + (waiting > 0 ? ", and \(Text.grouped(Int(waiting))) events wait for it" : ""),
                    at: key, type: "tidings work: the first process that starts writes it")
            ])
        }
        let isSound =
            pipeline.config["contract"].flatMap { Int($0) } != nil
            && pipeline.config["partitions"].flatMap { Int($0) }.map { (1...1024).contains($0) } == true
            && pipeline.config["stages"]?.isEmpty == false
        guard isSound else {
            return .found([
                Finding(
                    .fault, "contract, partitions or stages are missing or no numbers", at: key,
                    type: facts.line("HGETALL", key) + "   # put right what is wrong, with all processes stopped")
            ])
        }
        return .well(
            "\(pipeline.layout.partitions) partitions, stages \(pipeline.layout.stages.joined(separator: ", "))")
    }

    static func differs(_ facts: DoctorFacts) -> Verdict {
        let config = facts.pipeline.config
        guard !config.isEmpty else { return .unknown("there is no pipeline to compare with") }
        let expected = [
            ("contract", String(PipelineLayout.contract)), ("partitions", String(facts.expected.partitions)),
            ("stages", facts.expected.stages.joined(separator: ",")),
        ]
        let findings = expected.compactMap { field, here -> Finding? in
            guard let there = config[field], there != here else { return nil }
            return Finding(
                field == "contract" ? .fault : .warning,
                "\(field): \(there) in Redis, \(here) here; processes started with this configuration are refused",
                at: facts.pipeline.layout.config,
                type: field == "contract"
                    ? "install the version of tidings that runs elsewhere"
                    : "take the tidings.yaml that runs: --config FILE")
        }
        return Verdict(findings, otherwise: "this configuration is the one in Redis")
    }

    static func epoch(_ facts: DoctorFacts) -> Verdict {
        guard let runID = facts.server.info["run_id"] else { return ServerChecks.unreadable(facts) }
        guard !facts.pipeline.config.isEmpty else { return .unknown("there is no pipeline") }
        let stale = facts.pipeline.partitions.filter { $0.runID != runID }
        let numbers = Set(facts.pipeline.partitions.map(\.epoch))
        if let first = stale.first {
            let isLive = !facts.pipeline.living(within: Heartbeat.lifetime).isEmpty
            return .found([
                Finding(
                    isLive ? .warning : .note,
                    "\(stale.count) partitions have the epoch of a server that is gone: offsets of readers may point to "
                        + "events that were lost", at: "{\(facts.pipeline.layout.name).\(first.number)}:epoch",
                    type: isLive
                        ? "restart a worker: processes renew it when they connect"
                        : "tidings work: the first process that connects renews it")
            ])
        }
        if numbers.count > 1 {
            return .found([
                Finding(
                    .warning, "partitions have different epochs, though one server renews all together",
                    at: "{\(facts.pipeline.layout.name).*}:epoch",
                    type: facts.line("HGETALL", "{\(facts.pipeline.layout.name).0}:epoch"))
            ])
        }
        return .well("the epoch is this server's")
    }
}
