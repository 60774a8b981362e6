/// How long to wait for Redis, in milliseconds.
public struct RedisDeadlines: Sendable {
    /// Until the connection stands.
    public var connect: Int64
    /// How long the line may carry nothing, either way, while a reply is awaited. Past it the connection is dropped: in
    /// a pipeline a reply cannot be skipped. A line that is slow but alive is borne, however long a reply takes.
    public var command: Int64

    public init(connect: Int64 = 5000, command: Int64 = 5000) {
        self.connect = connect
        self.command = command
    }
}
