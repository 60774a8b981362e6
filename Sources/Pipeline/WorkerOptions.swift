public import Redis
public import Store

/// Makes a stage for one lane. Called once for each lane that a worker takes. When it fails, the worker leaves the stage
/// to other workers for half a minute, then calls it again.
public typealias StageFactory = () throws -> any Stage

/// What a worker is told at its start.
public struct WorkerOptions {
    /// Unique among live processes; names the owner of leases.
    public var id: String
    public var layout: PipelineLayout
    public var limits: PipelineLimits
    /// The stages that the worker serves; `incoming` for the inlets.
    public var serves: [String]
    public var redis: RedisAddress
    public var deadlines = RedisDeadlines()
    /// A factory for each stage that is served, by the stage's name.
    public var stages: [String: StageFactory]
    /// Thoonk sources that events come from, besides the list `NAME:incoming`. The worker that owns the lane of that list
    /// polls all of them.
    public var inlets: [Inlet] = []
    /// Time between two looks at what no report announces, in milliseconds.
    package var housekeepingInterval: Int64 = 5000

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

/// Every limit of the lanes, each with its default.
public struct PipelineLimits: Sendable {
    /// Events a batch holds at most.
    public var batchEvents = 512
    /// Bytes that a batch should not exceed; with larger events batches hold fewer.
    public var batchBytes = 1 << 20
    /// How long a commit should hold Redis at most, in milliseconds; batches hold fewer events where it takes that. 0: no
    /// limit.
    public var callTime: Int64 = 4
    /// Events that a queue takes before the lane in front of it stops. 0: no limit.
    public var queueEvents = 100_000
    /// Dead letters kept for each lane; the oldest fall off, counted.
    public var deadLetters = 10_000
    /// Held events kept for each lane; the oldest fall off, counted.
    public var heldEvents = 10_000
    /// Attempts of an event whose stage fails, before it becomes a dead letter.
    public var attempts = 5
    /// Deaths of workers over an event that somebody saw, before it becomes a dead letter. At least 2: the first one
    /// happened over a whole batch, and is no event's fault yet.
    public var deaths = 3
    /// Workers that tried an event alone and of which nothing was heard again, before it becomes a dead letter.
    public var unexplainedLosses = 20
    /// How much is kept of each channel.
    public var history = HistoryPolicies.standard
    /// How long a silent worker keeps its lanes, in milliseconds.
    public var lease: Int64 = 10_000

    public init() {}
}
