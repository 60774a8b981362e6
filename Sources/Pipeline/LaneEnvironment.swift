internal import Events
internal import JSON
internal import Logging
internal import Redis
internal import Store

/// What all lanes of a worker share.
struct LaneEnvironment {
    let loop: EventLoop
    let layout: PipelineLayout
    let limits: PipelineLimits
    let connection: RedisConnection
    let watcher: KeyWatcher
    let parser: JSONParser
    let logger: Logger
    /// What all lanes pass on their way to their stages.
    let gate: IsolationGate
    /// Whether the worker's leases last for a while yet, going by its own clock: one that was stopped for long has to
    /// hear from the server before it touches anything outside Redis, where no token fences it.
    let isLeaseSure: () -> Bool
    /// Told after each commit: the lane and how many events it took.
    let onCommitted: (LaneID, Int) -> Void
}
