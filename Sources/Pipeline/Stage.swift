public import Events
public import Logging
public import Redis

/// A named transform of events: what a worker does between taking a batch from a queue and committing it.
///
/// One instance serves one lane, so it sees the events of a conversation in their order and is never called for two
/// batches at once. All calls come on the worker's thread and must not block it: a stage waits in
/// ``prepare(_:context:ready:)``, which calls back. A crash neither loses nor doubles what a stage does in memory, but a
/// batch may run again: what leaves the process may be done twice.
public protocol Stage: AnyObject {
    /// Which repeats are dropped among the events that the stage forwards with an ``Event/duplicateKey``.
    var duplicates: DuplicatePolicy { get }

    /// Called once for each batch before its events are processed, for what is cheaper in bulk or has to wait: look-ups,
    /// requests to other processes. Call `ready` exactly once, at once or later, with nil when the batch can be
    /// processed, with an error when it must be tried again later.
    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void)

    /// Decides about one event. Called for each event of the batch, in order.
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

/// What a stage wants done with one event.
public enum Disposition: Sendable {
    /// Hand these on to the next queue, in this order. Usually one; a stage may split an event into many.
    case forward([Event])

    /// Hand the event on to the next queue of this partition. For the stage `incoming`, which gets the events of all
    /// conversations; every other stage's events stay in their partition.
    case assign(Event, partition: Int)

    /// Append the event to the feeds of these channels and announce it. The event's end, or, when another stage follows,
    /// it is handed on as well.
    case publish(Event, channels: [String])

    /// Delete the event. The reason is a word or two (`duplicate`, `blocked_word`): it names a counter.
    case drop(reason: String)

    /// Set the event aside until a person decides. The reason is a sentence that this person reads.
    case hold(Event, reason: String)

    /// Make it a dead letter with this reason. For an event that can never become valid.
    case reject(reason: String)
}

/// A failure of a stage that another attempt may cure: the event is tried again in place, with backoff.
///
/// A failure that no attempt can cure is no error: return ``Disposition/reject(reason:)``.
public struct StageError: Error, CustomStringConvertible {
    /// What failed, and what to do about it. Stored with the dead letter when the attempts are used up.
    public let message: String
    /// Whether this was an attempt of the event. When not, it is tried again without limit: its turn has not come.
    public let isCounted: Bool

    public init(_ message: String, isCounted: Bool = true) {
        self.message = message
        self.isCounted = isCounted
    }

    /// Nothing was attempted: the stage could not get as far as this event yet, or waits before it tries again. The
    /// events before it are committed.
    public static func notYet(_ message: String) -> StageError {
        StageError(message, isCounted: false)
    }

    public var description: String { message }
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
    /// The worker's connection, for a stage that keeps state in Redis. The lanes use it too: never send a command on it
    /// that blocks.
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

/// A stage that changes nothing: for trying out a pipeline's shape and for measuring what the lanes cost.
public final class PassStage: Stage {
    public init() {}

    public func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .forward([event])
    }
}
