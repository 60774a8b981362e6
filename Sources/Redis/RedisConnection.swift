import DequeModule
public import Events
public import Logging

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

/// A connection to Redis that heals itself: pipelined, every command with a deadline, reconnecting for ever.
///
/// Replies arrive in the order of the commands, on the loop's thread. While there is no connection a command fails at
/// once with `disconnected`; nothing is queued for later, since only the caller knows what is still worth sending. A
/// command that was on its way when the link broke fails with `disconnected` or `timeout`, and may have run.
public final class RedisConnection {
    /// Called each time the connection is ready: connected, logged in, the server answering.
    public var onReady: () -> Void = {}
    /// Called each time a ready connection is lost.
    public var onLost: (RedisError) -> Void = { _ in }
    /// Called after each attempt to connect that failed; attempts go on.
    public var onAttemptFailed: (RedisError) -> Void = { _ in }
    /// Called for each error that a ready server replies with, after the command's own `reply` was: for what concerns
    /// the server as a whole, whoever asked.
    public var onErrorReply: (RedisError) -> Void = { _ in }

    /// Whether commands can be sent now.
    public private(set) var isReady = false
    /// The last reply's round trip, in microseconds.
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
    private var handle: HiredisHandle?
    /// The commands that wait for their reply, oldest first.
    private var pending: Deque<PendingReply> = []
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var isStopped = true
    private var lastLogged: String?
    private lazy var retry = Timer(on: loop) { [unowned self] in self.connect() }
    private lazy var watchdog = Timer(on: loop) { [unowned self] in self.checkDeadlines() }

    /// - Parameters:
    ///   - name: shown by `CLIENT LIST`.
    public init(
        on loop: EventLoop, to address: RedisAddress, name: String, deadlines: RedisDeadlines = RedisDeadlines(),
        logger: Logger
    ) {
        self.loop = loop
        self.address = address
        self.name = name
        self.deadlines = deadlines
        self.logger = logger
    }

    deinit {
        handle?.detach()
    }

    /// Starts to connect, and to reconnect from then on.
    public func start() {
        guard isStopped else { return }
        isStopped = false
        connect()
    }

    /// Closes the connection and stays away. Outstanding commands fail with `disconnected`.
    public func stop() {
        isStopped = true
        retry.cancel()
        drop(RedisError(.disconnected, "the connection was closed"))
    }

    /// Drops the connection and makes a new one, for a caller that has a reason to distrust it.
    public func reconnect(because reason: String) {
        drop(RedisError(.disconnected, reason))
    }

    /// Sends a command. The reply, or why there is none, is given to `reply` exactly once; never before this returns,
    /// except when there is no connection.
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
        let handle = HiredisHandle(on: loop)
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

    /// AUTH, SELECT, CLIENT SETNAME, then a PING whose answer shows that the server does serve (no LOADING).
    private func logIn() {
        // From here on replies are waited for, no longer the connection.
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

    /// Time between two looks at the line: often enough to see what a slow one carries.
    private var checkInterval: Int64 { max(1, deadlines.command / 4) }

    /// The oldest outstanding command decides, and when the line last carried anything; with none outstanding the
    /// watchdog sleeps.
    private func checkDeadlines() {
        guard isReady || pending.first != nil || handle != nil else { return }
        guard let oldest = pending.first else {
            if !isReady, handle != nil {
                drop(RedisError(.timeout, "Redis at \(address) took no connection within \(deadlines.connect) ms"))
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

    /// Ends the connection for a reason of ours.
    private func drop(_ error: RedisError) {
        guard let handle else { return }
        handle.detach()
        handle.close(because: error.message)
        closed(error)
    }

    /// The connection is over: tell, and try again later.
    private func closed(_ error: RedisError) {
        handle = nil
        watchdog.cancel()
        let wasReady = isReady
        isReady = false
        while let waiting = pending.popFirst() { waiting.completion(.failure(error)) }
        if wasReady { onLost(error) } else { onAttemptFailed(error) }
        guard !isStopped else { return }
        let wait = backoff.next(using: &generator)
        // A server that is just starting is no trouble yet, and the same words for an hour help nobody.
        if lastLogged != error.message, wasReady || backoff.failures > 3 {
            logger.warning(
                "no connection to redis, trying again",
                metadata: ["redis": "\(address)", "error": "\(error.message)", "wait_ms": "\(wait)"])
            lastLogged = error.message
        }
        retry.schedule(after: wait)
    }
}
