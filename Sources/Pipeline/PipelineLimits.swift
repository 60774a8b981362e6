/// Every limit of the lanes, each with its default.
public struct PipelineLimits: Sendable {
    /// Events a batch holds at most.
    public var batchEvents = 512
    /// Bytes that a batch should not exceed; with larger events batches hold fewer.
    public var batchBytes = 1 << 20
    /// Events that a queue takes before the lane in front of it stops. 0: no limit.
    public var queueEvents = 100_000
    /// Dead letters kept for each lane; the oldest fall off, counted.
    public var deadLetters = 10_000
    /// Held events kept for each lane; the oldest fall off, counted.
    public var heldEvents = 10_000
    /// Attempts of an event whose stage fails, before it becomes a dead letter.
    public var attempts = 5
    /// Deaths of a worker over an event, before it becomes a dead letter. 2 at least: the first one happened over a
    /// batch, and blames none of its events.
    public var deaths = 3
    /// Events that a channel's feed keeps.
    public var historyEvents = 100
    /// How long a feed stays when nothing is published, in milliseconds (7 days).
    public var feedLifetime: Int64 = 7 * 86_400_000
    /// How long a silent worker keeps its lanes, in milliseconds.
    public var lease: Int64 = 10_000

    public init() {}
}
