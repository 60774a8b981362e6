public import Events
public import Logging
public import Redis

/// A named transform of events: what a worker does between taking a batch from a queue and committing it.
///
/// One instance serves one lane, so it sees the events of a conversation in their order and is never called for two
/// batches at once. All calls come on the worker's thread and must not block it: what has to wait is done in
/// ``prepare(_:context:ready:)``, which calls back. Nothing that a stage does in memory is lost or doubled by a crash
/// unless it leaves the process: a batch may be run again.
public protocol Stage: AnyObject {
    /// Which repeats are dropped among the events that the stage forwards with an ``Event/duplicateKey``.
    var duplicates: DuplicatePolicy { get }

    /// Called once for each batch before its events are processed, for what is cheaper in bulk or has to wait: look-ups,
    /// requests to other processes. Call `ready` exactly once, at once or later, with nil when the batch can be
    /// processed, with an error when it must be tried again later.
    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void)

    /// Maps one event to what becomes of it. Called for each event of the batch, in order.
    ///
    /// - Throws: ``StageError`` when another attempt may succeed.
    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition
}

extension Stage {
    public var duplicates: DuplicatePolicy { DuplicatePolicy() }

    public func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        ready(nil)
    }
}

/// How long a lane remembers the keys of the events that it committed.
public struct DuplicatePolicy: Sendable, Equatable {
    /// How long a repeat is recognised at least, in milliseconds (at most twice that).
    public var window: Int64
    /// Keys that are remembered for each partition in that time.
    public var keys: Int

    public init(window: Int64 = 600_000, keys: Int = 200_000) {
        self.window = window
        self.keys = keys
    }
}

/// What a stage may know of its surroundings.
public struct StageContext {
    /// The pipeline's name.
    public let pipeline: String
    /// The stage's name.
    public let stage: String
    /// The lane's partition.
    public let partition: Int
    /// The loop that the worker runs on, for timers and descriptors of a stage's own.
    public let loop: EventLoop
    /// For what a person should know of.
    public let logger: Logger
    /// The worker's connection, for a stage that keeps state in Redis. Shared with the lanes: never send a command on
    /// it that blocks.
    public let redis: RedisConnection
    /// The time of the batch, in milliseconds since 1970.
    public let now: Int64

    public init(
        pipeline: String, stage: String, partition: Int, loop: EventLoop, redis: RedisConnection, logger: Logger,
        now: Int64
    ) {
        self.pipeline = pipeline
        self.stage = stage
        self.partition = partition
        self.loop = loop
        self.redis = redis
        self.logger = logger
        self.now = now
    }
}
