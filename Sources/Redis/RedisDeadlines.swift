/// How long to wait for Redis, in milliseconds.
public struct RedisDeadlines: Sendable {
    /// Until the connection stands.
    public var connect: Int64
    /// From a command to its reply. Past it the connection is dropped: in a pipeline a reply cannot be skipped.
    public var command: Int64

    public init(connect: Int64 = 5000, command: Int64 = 5000) {
        self.connect = connect
        self.command = command
    }
}
