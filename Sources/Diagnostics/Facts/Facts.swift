import Console
import Pipeline
import Store

/// Everything that is known of a pipeline, its Redis and this host at one moment: what a ``Rule`` judges.
///
/// `tidings status` gathers what changes by the minute, in one round trip; `tidings doctor` gathers everything. A part
/// that was not gathered is nil, and a rule that needs it is not judged.
package struct Facts {
    /// How redis-cli is called for this server: `redis-cli -s /run/redis.sock`.
    var redisCLI: String
    var limits: PipelineLimits
    var duplicates = DuplicatePolicy()
    var server: ServerFacts
    var pipeline: PipelineFacts
    /// The pipeline some seconds before: tells what moves and what lasts.
    var earlier: PipelineFacts?
    var settings: ServerSettings?
    var probes: ServerProbes?
    var keys: KeyFacts?
    var feeds: FeedsFacts?
    var system: SystemFacts?

    /// A line to type: redis-cli with arguments, quoted for a shell where they need it.
    func command(_ arguments: String...) -> String {
        command(arguments)
    }

    func command(_ arguments: [String]) -> String {
        ([redisCLI] + arguments.map(ShellQuote.quoted)).joined(separator: " ")
    }

    /// How long after its last heartbeat a process counts as alive, in ms.
    var lifetime: Int64 { max(limits.lease, Heartbeat.lifetime) }

    /// The processes that are alive.
    var living: [ProcessFacts] { pipeline.living(within: lifetime) }

    /// The doors, then the stages in the order in which events pass them.
    var stages: [StageFacts] { pipeline.stages(within: lifetime) }

    /// The workers that serve a stage and are not about to end.
    func workers(of stage: String) -> [ProcessFacts] {
        living.filter { $0.isWorker && !$0.isLeaving && $0.stages.contains(stage) }
    }

    /// Whether a stage has settled events since the earlier look; nil when that cannot be told.
    func moves(_ stage: StageFacts) -> Bool? {
        pipeline.settled(stage.name, since: earlier).map { $0 > 0 }
    }

    /// Whether the lanes before this one stand because its queue has reached its limit.
    func isFull(_ lane: LaneFacts) -> Bool {
        limits.queueEvents > 0 && !lane.id.isIncoming && lane.waiting >= Int64(limits.queueEvents)
    }
}

extension Int64 {
    /// 1234567 → `1,234,567`.
    var grouped: String { Text.grouped(Int(self)) }
}
