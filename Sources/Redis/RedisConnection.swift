import DequeModule
public import Events
public import Logging

/// The timeouts of a connection to Redis, in milliseconds.
public struct RedisDeadlines: Sendable {
    /// The longest time to connect.
    public var connect: Int64
    /// The longest silence, in both directions, while a reply is pending. Then the connection is closed, since in a
    /// pipeline a reply cannot be skipped. A slow reply is no silence as long as bytes move.
    public var command: Int64

    public init(connect: Int64 = 5000, command: Int64 = 5000) {
        self.connect = connect
        self.command = command
    }
}

/// A pipelined connection to Redis that reconnects by itself, for ever.
///
/// Replies arrive in the order of the commands, on the loop's thread. While there is no connection, commands fail at
/// once with `disconnected`; none is queued for later, since only the caller knows which are still worth sending. A
/// command that was sent when the connection broke fails with `disconnected` or `timeout`, and may have run.
public final class RedisConnection {
    /// Called each time the connection becomes ready: connected, logged in, and the server replies.
    public var onReady: () -> Void = {}
    /// Called each time a ready connection is lost.
    public var onLost: (RedisError) -> Void = { _ in }
    /// Called after each failed attempt to connect; more attempts follow.
    public var onAttemptFailed: (RedisError) -> Void = { _ in }
    /// Called for each error reply of a ready server, after the command's own `reply`: for errors that concern the
    /// whole server.
    public var onErrorReply: (RedisError) -> Void = { _ in }

    /// Whether commands can be sent now.
    public private(set) var isReady = false
    /// The round trip of the last reply, in microseconds.
    public private(set) var roundTrip: Int64 = 0

    private struct PendingReply {
        /// In nanoseconds of the monotonic clock.
        let sent: Int64
        let completion: (Result<RedisValue, RedisError>) -> Void
    }

    public let address: RedisAddress
    private let loop: EventLoop
    private let name: String
    private let deadlines: RedisDeadlines
    private let logger: Logger
    private var handle: (any RedisTransport)?
    /// The commands that wait for their reply, oldest first.
    private var pending: Deque<PendingReply> = []
    private var backoff = Backoff()
    private var generator: LoopGenerator
    private var isStopped = true
    private var lastLogged: String?
    private lazy var retry = Timer(on: loop) { [unowned self] in self.connect() }
    private lazy var watchdog = Timer(on: loop) { [unowned self] in self.checkDeadlines() }

    /// - Parameters:
    ///   - name: the name in `CLIENT LIST`.
    public init(
        on loop: EventLoop, to address: RedisAddress, name: String, deadlines: RedisDeadlines = RedisDeadlines(),
        logger: Logger
    ) {
        self.loop = loop
        self.address = address
        self.name = name
        self.deadlines = deadlines
        self.logger = logger
        generator = LoopGenerator(of: loop)
    }

    deinit {
        handle?.detach()
    }

    /// Connects, and reconnects from then on.
    public func start() {
        guard isStopped else { return }
        isStopped = false
        connect()
    }

    /// Closes the connection and does not reconnect. Pending commands fail with `disconnected`.
    public func stop() {
        isStopped = true
        retry.cancel()
        drop(RedisError(.disconnected, "the connection was closed"))
    }

    /// Closes the connection and reconnects, for a caller that has a reason to distrust it.
    public func reconnect(because reason: String) {
        drop(RedisError(.disconnected, reason))
    }

    /// Sends a command. Calls `reply` exactly once, with the reply or the error: before this returns when there is no
    /// connection, and later otherwise.
    public func send(_ command: RedisCommand, reply: @escaping (Result<RedisValue, RedisError>) -> Void) {
        guard isReady else {
            return reply(.failure(RedisError(.disconnected, "no connection to Redis at \(address)")))
        }
        transmit(command, reply)
    }

    private func transmit(_ command: RedisCommand, _ reply: @escaping (Result<RedisValue, RedisError>) -> Void) {
        let now = Clock.monotonicNanoseconds()
        guard let handle, handle.send(command) else {
            return reply(.failure(RedisError(.disconnected, "no connection to Redis at \(address)")))
        }
        pending.append(PendingReply(sent: now, completion: reply))
        if !watchdog.isScheduled { watchdog.schedule(after: checkInterval) }
    }

    private func connect() {
        let handle = loop.makeRedisTransport(named: name)
        self.handle = handle
        handle.onConnected = { [unowned self] in self.logIn() }
        handle.onReply = { [unowned self] in self.received($0) }
        handle.onClosed = { [unowned self] in self.closed(RedisError(.disconnected, $0)) }
        do throws(RedisError) {
            try handle.connect(to: address.endpoint)
            watchdog.schedule(after: deadlines.connect)
        } catch {
            closed(error)
        }
    }

    /// Sends AUTH, SELECT and CLIENT SETNAME, then a PING, whose reply shows that the server is not loading its data.
    private func logIn() {
        // From here on the timeout of commands applies, not that of connecting.
        watchdog.schedule(after: checkInterval)
        var failure: RedisError?
        func step(_ command: RedisCommand, tolerant: Bool = false) {
            transmit(command) { result in
                if case .failure(let error) = result, !tolerant { failure = failure ?? error }
            }
        }
        if let password = address.password {
            var auth = RedisCommand("AUTH")
            if let user = address.user { auth.append(user) }
            auth.append(password)
            step(auth)
        }
        if address.database != 0 { step(RedisCommand("SELECT", String(address.database))) }
        step(RedisCommand("CLIENT", "SETNAME", name), tolerant: true)
        transmit(RedisCommand("PING")) { [unowned self] result in
            if case .failure(let error) = result { failure = failure ?? error }
            if let failure { return self.drop(failure) }
            self.backoff.reset()
            self.isReady = true
            if self.lastLogged != nil { self.logger.info("connected to redis", metadata: ["redis": "\(self.address)"]) }
            self.lastLogged = nil
            self.onReady()
        }
    }

    private func received(_ reply: Result<RedisValue, RedisError>?) {
        guard let waiting = pending.popFirst() else { return }
        if let reply {
            roundTrip = (Clock.monotonicNanoseconds() - waiting.sent) / 1000
            waiting.completion(reply)
            if isReady, case .failure(let error) = reply { onErrorReply(error) }
        } else {
            waiting.completion(.failure(RedisError(.disconnected, "the connection to Redis at \(address) broke")))
        }
    }

    /// The time between two checks for progress: several within the timeout.
    private var checkInterval: Int64 { max(1, deadlines.command / 4) }

    /// Closes the connection when the oldest pending command was sent, and bytes last moved, longer ago than the
    /// timeout. Without a pending command the watchdog is off.
    private func checkDeadlines() {
        guard isReady || pending.first != nil || handle != nil else { return }
        guard let oldest = pending.first else {
            if !isReady, handle != nil {
                drop(
                    RedisError(
                        .timeout, "Redis at \(address) did not accept a connection within \(deadlines.connect) ms"))
            }
            return
        }
        let waited = (Clock.monotonicNanoseconds() - max(oldest.sent, handle?.progress() ?? 0)) / 1_000_000
        if waited >= deadlines.command {
            drop(RedisError(.timeout, "Redis at \(address) did not answer within \(deadlines.command) ms"))
        } else {
            watchdog.schedule(after: min(checkInterval, deadlines.command - waited + 1))
        }
    }

    /// Closes the connection for a reason on this side.
    private func drop(_ error: RedisError) {
        guard let handle else { return }
        handle.detach()
        handle.close(because: error.message)
        closed(error)
    }

    /// Handles the end of the connection: fails the pending commands, and schedules a reconnect.
    private func closed(_ error: RedisError) {
        handle = nil
        watchdog.cancel()
        let wasReady = isReady
        isReady = false
        while let waiting = pending.popFirst() { waiting.completion(.failure(error)) }
        if wasReady { onLost(error) } else { onAttemptFailed(error) }
        guard !isStopped else { return }
        let wait = backoff.next(using: &generator)
        // Not logged: the first failures, as when the server is starting, and repeats of the same message.
        if lastLogged != error.message, wasReady || backoff.failures > 3 {
            logger.warning(
                "no connection to redis, trying again",
                metadata: ["redis": "\(address)", "error": "\(error.message)", "wait_ms": "\(wait)"])
            lastLogged = error.message
        }
        retry.schedule(after: wait)
    }
}
