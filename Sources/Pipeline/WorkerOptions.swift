public import Redis
public import Store

/// Makes a stage for one lane. Called once for each lane a worker takes. A maker that fails leaves the stage to others for
/// half a minute; then it is asked again.
public typealias StageFactory = () throws -> any Stage

/// What a worker is told at its start.
public struct WorkerOptions {
    /// Unique among live processes; names the owner of leases.
    public var id: String
    public var layout: PipelineLayout
    public var limits: PipelineLimits
    /// The stages that it serves, `incoming` among them where it serves the inlets.
    public var serves: [String]
    public var redis: RedisAddress
    public var deadlines = RedisDeadlines()
    /// A maker for each stage that is served, by the stage's name.
    public var stages: [String: StageFactory]
    /// Thoonk sources that are inlets besides the open one. The worker that owns the open inlet polls all of them.
    public var inlets: [Inlet] = []

    public init(
        id: String, layout: PipelineLayout, limits: PipelineLimits = PipelineLimits(), serves: [String]? = nil,
        redis: RedisAddress, stages: [String: StageFactory]
    ) {
        self.id = id
        self.layout = layout
        self.limits = limits
        self.serves = serves ?? [LaneID.incoming] + layout.stages
        self.redis = redis
        self.stages = stages
    }
}
