public import Logging

/// How a ``ThoonkClient`` behaves.
public struct ThoonkOptions: Sendable {
    /// How long a verb waits for a connection before it fails with ``ThoonkError/Code/unreachable``. A waiting get waits
    /// for its own time-out instead.
    public var connectTimeout: Duration
    /// How many events a ``FeedEvents`` keeps for a consumer that is slow. When it is full the newest are dropped, and
    /// the consumer is told by ``FeedEvent/missed(_:)``.
    public var eventBuffer: Int
    /// What `CLIENT LIST` shows.
    public var name: String
    /// Where lost connections are told of; nil: nowhere.
    public var logger: Logger?

    public init(
        connectTimeout: Duration = .seconds(5), eventBuffer: Int = 10_000, name: String = "thoonk",
        logger: Logger? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.eventBuffer = eventBuffer
        self.name = name
        self.logger = logger
    }
}
