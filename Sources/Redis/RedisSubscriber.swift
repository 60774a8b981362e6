public import Events
import Glibc
public import Logging

/// Receives the messages of a subscription and its changes of state. All calls are made on the loop's thread.
public protocol RedisSubscriberHandler: AnyObject {
    /// The subscription is in force, for the first time or again: every message from now on arrives.
    func subscriptionConfirmed(_ channel: String)
    func subscriptionMessage(_ channel: String, _ payload: [UInt8])
    /// The connection broke: messages may be missed until the subscription is confirmed again.
    func subscriptionLost(_ channel: String)
}

/// Pub/sub on its own connection, which reconnects for ever, subscribes again by itself, and checks that messages
/// arrive.
///
/// hiredis cannot match the reply to a PING on a subscribed connection, and a dead peer looks like a quiet channel. So
/// the subscriber publishes heartbeats to itself through a second connection, and reconnects when they do not arrive.
public final class RedisSubscriber {
    /// Called each time the subscriber becomes ready, with the id of its connection (`CLIENT ID`).
    public var onReady: (Int64) -> Void = { _ in }
    /// Called each time a ready subscriber loses its connection.
    public var onLost: () -> Void = {}
    /// Called for each key that the server reports as changed (`CLIENT TRACKING`); nil: any key may have changed.
    public var onInvalidated: (String?) -> Void = { _ in }

    /// Whether a heartbeat arrived lately: all messages that were published before it have arrived as well.
    public private(set) var isAlive = false

    /// The default heartbeat.
    public static let heartbeat: Heartbeat = (interval: 1000, deadline: 3500)

    /// The time between two heartbeats, and the time without one after which the subscriber reconnects, in
    /// milliseconds.
    public typealias Heartbeat = (interval: Int64, deadline: Int64)

    private let loop: EventLoop
    private let address: RedisAddress
    private let name: String
    private let publisher: RedisConnection
    private let deadlines: RedisDeadlines
    private let heartbeat: Heartbeat
    private let logger: Logger
    private var handle: (any RedisTransport)?
    private var isSubscribing = false
    /// By the bytes of the channel's name: two encodings of an é are two channels to Redis, but equal to `==`.
    private var handlers: [[UInt8]: any RedisSubscriberHandler] = [:]
    /// By the bytes of the pattern.
    private var patternHandlers: [[UInt8]: any RedisSubscriberHandler] = [:]
    private var replies: [(Result<RedisValue, RedisError>) -> Void] = []
    private var backoff = Backoff()
    private var generator: LoopGenerator
    private var lastHeard: Int64 = 0
    private var clientID: Int64 = 0
    private let heartbeatChannel: String
    private lazy var retry = Timer(on: loop) { [unowned self] in self.connect() }
    private lazy var heartbeatTimer = Timer(on: loop) { [unowned self] in self.sendHeartbeat() }

    private static let invalidations = "__redis__:invalidate"

    /// - Parameters:
    ///   - name: the name in `CLIENT LIST`.
    ///   - publisher: the connection through which the subscriber publishes its heartbeats. Not owned: the caller
    ///     starts
    ///     and stops it.
    public init(
        on loop: EventLoop, to address: RedisAddress, name: String, publisher: RedisConnection,
        deadlines: RedisDeadlines = RedisDeadlines(), heartbeat: Heartbeat = RedisSubscriber.heartbeat, logger: Logger
    ) {
        self.loop = loop
        self.address = address
        self.name = name
        self.publisher = publisher
        self.deadlines = deadlines
        self.heartbeat = heartbeat
        self.logger = logger
        generator = LoopGenerator(of: loop)
        heartbeatChannel = "tidings:heartbeat:\(getpid()):\(generator.next())"
    }

    deinit {
        handle?.detach()
    }

    /// Connects, and reconnects from then on.
    public func start() {
        heartbeatTimer.schedule(every: heartbeat.interval)
        connect()
    }

    /// Closes the connection and does not reconnect.
    public func stop() {
        heartbeatTimer.cancel()
        retry.cancel()
        handle?.detach()
        handle?.close(because: "closed")
        handle = nil
        isAlive = false
    }

    /// Subscribes, now and after every reconnect, until ``unsubscribe(_:)``. A channel has one handler: a second one
    /// replaces the first. The handler is retained.
    public func subscribe(_ channel: String, handler: any RedisSubscriberHandler) {
        handlers[Array(channel.utf8)] = handler
        if isSubscribing { send(RedisCommand("SUBSCRIBE", channel)) }
    }

    public func unsubscribe(_ channel: String) {
        guard handlers.removeValue(forKey: Array(channel.utf8)) != nil, isSubscribing else { return }
        send(RedisCommand("UNSUBSCRIBE", channel))
    }

    /// Subscribes to all channels that match a pattern (`PSUBSCRIBE`), like ``subscribe(_:handler:)`` to one. The
    /// handler gets the pattern with confirmations and losses, and the channel with messages.
    public func subscribe(pattern: String, handler: any RedisSubscriberHandler) {
        patternHandlers[Array(pattern.utf8)] = handler
        if isSubscribing { send(RedisCommand("PSUBSCRIBE", pattern)) }
    }

    public func unsubscribe(pattern: String) {
        guard patternHandlers.removeValue(forKey: Array(pattern.utf8)) != nil, isSubscribing else { return }
        send(RedisCommand("PUNSUBSCRIBE", pattern))
    }

    private func send(_ command: RedisCommand) {
        _ = handle?.send(command)
    }

    private func connect() {
        let handle = loop.makeRedisTransport(named: name)
        self.handle = handle
        isSubscribing = false
        replies = []
        // The time to connect and subscribe counts towards the deadline.
        lastHeard = Clock.monotonicMilliseconds()
        handle.onConnected = { [unowned self] in self.logIn() }
        handle.onReply = { [unowned self] in self.received($0) }
        handle.onClosed = { [unowned self] in self.closed(RedisError(.disconnected, $0)) }
        do throws(RedisError) {
            try handle.connect(to: address.endpoint)
        } catch {
            closed(error)
        }
    }

    private func logIn() {
        var commands: [RedisCommand] = []
        if let password = address.password {
            var auth = RedisCommand("AUTH")
            if let user = address.user { auth.append(user) }
            auth.append(password)
            commands.append(auth)
        }
        commands.append(RedisCommand("CLIENT", "SETNAME", name))
        commands.append(RedisCommand("CLIENT", "ID"))
        var failure: RedisError?
        for (index, command) in commands.enumerated() {
            replies.append { [unowned self] result in
                if case .failure(let error) = result { failure = failure ?? error }
                guard index == commands.count - 1 else { return }
                if let failure { return self.drop(failure) }
                if case .success(.integer(let id)) = result { self.clientID = id }
                self.subscribeAll()
            }
            send(command)
        }
    }

    private func subscribeAll() {
        isSubscribing = true
        send(RedisCommand("SUBSCRIBE", heartbeatChannel))
        send(RedisCommand("SUBSCRIBE", RedisSubscriber.invalidations))
        let channels = handlers.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for channel in channels { send(RedisCommand("SUBSCRIBE", String(decoding: channel, as: UTF8.self))) }
        let patterns = patternHandlers.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for pattern in patterns { send(RedisCommand("PSUBSCRIBE", String(decoding: pattern, as: UTF8.self))) }
    }

    private func received(_ reply: Result<RedisValue, RedisError>?) {
        // Nil: the connection is ending, and `closed` follows.
        guard let reply else { return }
        if !isSubscribing {
            if !replies.isEmpty { replies.removeFirst()(reply) }
            return
        }
        switch reply {
        case .failure(let error): drop(error)
        case .success(let value): dispatch(value)
        }
    }

    private func dispatch(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 3, let kind = parts[0].text, let channel = parts[1].text else {
            return
        }
        switch (kind, channel) {
        case ("pmessage", _):
            guard parts.count == 4, let name = parts[2].text, let payload = parts[3].bytes else { return }
            patternHandlers[Array(channel.utf8)]?.subscriptionMessage(name, payload)
        case ("psubscribe", _):
            patternHandlers[Array(channel.utf8)]?.subscriptionConfirmed(channel)
        case ("message", heartbeatChannel):
            heartbeatReceived()
        case ("message", RedisSubscriber.invalidations):
            if let keys = parts[2].array { for key in keys { onInvalidated(key.text) } } else { onInvalidated(nil) }
        case ("message", _):
            if let payload = parts[2].bytes { handlers[Array(channel.utf8)]?.subscriptionMessage(channel, payload) }
        case ("subscribe", heartbeatChannel):
            backoff.reset()
            sendHeartbeat()
        case ("subscribe", RedisSubscriber.invalidations):
            onReady(clientID)
        case ("subscribe", _):
            handlers[Array(channel.utf8)]?.subscriptionConfirmed(channel)
        default:
            break
        }
    }

    private func heartbeatReceived() {
        lastHeard = Clock.monotonicMilliseconds()
        isAlive = true
    }

    private func sendHeartbeat() {
        if isSubscribing {
            publisher.send(RedisCommand("PUBLISH", heartbeatChannel, "")) { _ in }
        }
        let silence = Clock.monotonicMilliseconds() - lastHeard
        guard silence > heartbeat.deadline else { return }
        isAlive = false
        // When the publisher has no connection either, the server is probably gone: reconnecting early does not help.
        if handle != nil, publisher.isReady || silence > 2 * heartbeat.deadline {
            drop(RedisError(.timeout, "the subscription to Redis at \(address) received nothing for \(silence) ms"))
        }
    }

    private func drop(_ error: RedisError) {
        guard let handle else { return }
        handle.detach()
        handle.close(because: error.message)
        closed(error)
    }

    private func closed(_ error: RedisError) {
        handle = nil
        let wasSubscribing = isSubscribing
        isSubscribing = false
        isAlive = false
        if wasSubscribing {
            logger.warning("subscription to redis lost", metadata: ["error": "\(error.message)"])
            onLost()
            for (channel, handler) in handlers { handler.subscriptionLost(String(decoding: channel, as: UTF8.self)) }
            for (pattern, handler) in patternHandlers {
                handler.subscriptionLost(String(decoding: pattern, as: UTF8.self))
            }
        }
        retry.schedule(after: backoff.next(using: &generator))
    }
}
