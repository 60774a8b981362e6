public import Redis

/// Why the pipeline refused.
public struct PipelineError: Error, CustomStringConvertible, Sendable {
    public enum Code: Sendable {
        /// The configuration differs from that of the running processes, or of the waiting events.
        case differs
        /// A queue is full, or memory is.
        case full
        /// A conversation takes no comments.
        case closed
        /// A call before this one was not taken, and this one was to come after it.
        case skipped
        /// Redis cannot be reached, or reported an error.
        case redis
        /// The input is no event.
        case invalid
    }

    public let code: Code
    /// What is wrong and what to do.
    public let message: String
    public let underlying: RedisError?

    public init(_ code: Code, _ message: String, underlying: RedisError? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var description: String { message }
}
