public import Events
import Glibc
public import Logging

/// What a subscription tells its owner. All calls come on the loop's thread.
public protocol RedisSubscriberHandler: AnyObject {
    /// The subscription is in force, for the first time or again: every message from here on will arrive.
    func subscriptionConfirmed(_ channel: String)
    func subscriptionMessage(_ channel: String, _ payload: [UInt8])
    /// The link broke: messages may be missed until the subscription is confirmed again.
    func subscriptionLost(_ channel: String)
}

/// Pub/sub on a connection of its own, that reconnects for ever, subscribes again by itself, and proves its life.
///
/// A subscribed connection answers no PING that hiredis could match, and a dead peer looks like silence; so the
/// subscriber publishes to itself through a second connection and drops the link when it does not hear itself.
public final class RedisSubscriber {
    /// Called each time the subscriber is ready, with the id of its connection (`CLIENT ID`).
    public var onReady: (Int64) -> Void = { _ in }
    /// Called each time a ready subscriber lost its link.
    public var onLost: () -> Void = {}
    /// Called for each key that the server's tracking reports as changed; nil: any key may have changed.
    public var onInvalidated: (String?) -> Void = { _ in }

    /// Whether the subscriber has heard itself lately: what was published since then has arrived.
    public private(set) var isAlive = false

    /// Time between two heartbeats, and how long without one means deaf, in milliseconds.
    public static let heartbeat: (interval: Int64, deadline: Int64) = (1000, 3500)

    private let loop: EventLoop
    private let address: RedisAddress
    private let name: String
    private let publisher: RedisConnection
    private let deadlines: RedisDeadlines
    private let logger: Logger
    private var handle: HiredisHandle?
    private var isSubscribing = false
    /// By the bytes of the channels' names: to Redis two spellings of an é are two channels, to `==` they are one.
    private var handlers: [[UInt8]: any RedisSubscriberHandler] = [:]
    /// The same for patterns of channels.
    private var patternHandlers: [[UInt8]: any RedisSubscriberHandler] = [:]
    private var replies: [(Result<RedisValue, RedisError>) -> Void] = []
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var lastHeard: Int64 = 0
    private var clientID: Int64 = 0
    private let heartbeatChannel: String
    private lazy var retry = Timer(on: loop) { [unowned self] in self.connect() }
    private lazy var heartbeatTimer = Timer(on: loop) { [unowned self] in self.sendHeartbeat() }

    private static let invalidations = "__redis__:invalidate"

    /// - Parameter publisher: the connection through which the subscriber publishes to itself. Not owned: its owner
    ///   starts and stops it.
    public init(
        on loop: EventLoop, to address: RedisAddress, name: String, publisher: RedisConnection,
        deadlines: RedisDeadlines = RedisDeadlines(), logger: Logger
    ) {
        self.loop = loop
        self.address = address
        self.name = name
        self.publisher = publisher
        self.deadlines = deadlines
        self.logger = logger
        heartbeatChannel = "tidings:heartbeat:\(getpid()):\(UInt64.random(in: 0...UInt64.max))"
    }

    deinit {
        handle?.detach()
    }

    /// Starts to connect, and to reconnect from then on.
    public func start() {
        heartbeatTimer.schedule(every: RedisSubscriber.heartbeat.interval)
        connect()
    }

    /// Closes the connection and stays away.
    public func stop() {
        heartbeatTimer.cancel()
        retry.cancel()
        handle?.detach()
        handle?.close()
        handle = nil
        isAlive = false
    }

    /// Subscribes, now and after every reconnect, until ``unsubscribe(_:)``. One handler a channel: a second one
    /// replaces the first. The handler is kept alive.
    public func subscribe(_ channel: String, handler: any RedisSubscriberHandler) {
        handlers[Array(channel.utf8)] = handler
        if isSubscribing { send(RedisCommand("SUBSCRIBE", channel)) }
    }

    public func unsubscribe(_ channel: String) {
        guard handlers.removeValue(forKey: Array(channel.utf8)) != nil, isSubscribing else { return }
        send(RedisCommand("UNSUBSCRIBE", channel))
    }

    /// Subscribes to all channels that match a pattern (`PSUBSCRIBE`), as ``subscribe(_:handler:)`` does to one. The
    /// handler is told of confirmation and loss under the pattern's name, and of messages under their channel's.
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
        let handle = HiredisHandle(on: loop)
        self.handle = handle
        isSubscribing = false
        replies = []
        // The time to connect and subscribe counts as silence.
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
        // Nil: the link is ending; `closed` follows.
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
        guard silence > RedisSubscriber.heartbeat.deadline else { return }
        isAlive = false
        // Deaf is told apart from a server that is gone for the other connection as well: then there is no one to ask.
        if handle != nil, publisher.isReady || silence > 2 * RedisSubscriber.heartbeat.deadline {
            drop(RedisError(.timeout, "the subscription to Redis at \(address) heard nothing for \(silence) ms"))
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
