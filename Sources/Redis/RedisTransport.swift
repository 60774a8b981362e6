package import Events

/// A connection's way to the server: passes commands on and replies back. It neither reconnects nor has deadlines.
package protocol RedisTransport: AnyObject {
    /// Called with each reply, in the order of the commands; with nil when the connection ended before the reply. For a
    /// subscription: called for each message.
    var onReply: (Result<RedisValue, RedisError>?) -> Void { get set }
    /// Called once when the connection is established.
    var onConnected: () -> Void { get set }
    /// Called once when the connection has ended, for any reason, after ``onReply`` was called with nil for every
    /// pending reply. The transport cannot be used again.
    var onClosed: (String) -> Void { get set }

    /// Starts connecting. Then ``onConnected`` or ``onClosed`` is called.
    func connect(to endpoint: RedisAddress.Endpoint) throws(RedisError)

    /// Queues a command; ``onReply`` gets its reply.
    ///
    /// - Returns: false when there is no connection: there will be no reply.
    func send(_ command: RedisCommand) -> Bool

    /// When bytes were last seen to move, in either direction, in nanoseconds of the monotonic clock; 0: never. Sent
    /// bytes are noticed only by this call: call it several times within the shortest silence that matters.
    func progress() -> Int64

    /// Removes the callbacks: the owner is not called any more.
    func detach()

    /// Closes the connection now. Calls ``onClosed`` before it returns when there was one.
    func close(because reason: String)
}

/// A driver of loops that also stands between their connections and Redis.
package protocol RedisNetwork: LoopDriver {
    /// A transport for a new connection.
    ///
    /// - Parameter name: the connection's, as in `CLIENT LIST`.
    func makeTransport(named name: String) -> any RedisTransport
}

extension EventLoop {
    /// A transport for a new connection to Redis: a socket, or what the driver of this loop has in its place.
    func makeRedisTransport(named name: String) -> any RedisTransport {
        (driver as? any RedisNetwork)?.makeTransport(named: name) ?? HiredisHandle(on: self)
    }
}
