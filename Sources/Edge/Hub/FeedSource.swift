package import Events
import JSON
package import Logging
package import Redis
import Store

/// Reads channels from their Thoonk feeds: announcements from a subscriber, histories from a connection.
final class FeedSource: ChannelSource {
    /// Receives one channel's announcements.
    private final class AnnouncementHandler: RedisSubscriberHandler {
        let channel: String
        unowned let source: FeedSource

        init(channel: String, source: FeedSource) {
            self.channel = channel
            self.source = source
        }

        func subscriptionConfirmed(_ name: String) {
            source.delegate?.sourceConfirmed(channel)
        }

        func subscriptionMessage(_ name: String, _ payload: [UInt8]) {
            // What is announced while the epoch is not known is read from the history, when it is known.
            guard source.isServing() else {
                source.delegate?.sourceMissed(channel)
                return
            }
            guard let (sequence, event) = ChannelFeed.parse(announcement: payload) else { return }
            source.delegate?.sourceAnnounced(channel, sequence: sequence, event: source.text.normalized(Array(event)))
        }

        func subscriptionLost(_ name: String) {
            source.delegate?.sourceLost(channel)
        }
    }

    /// Not weak, which would make every use of the hub slower: the delegate must outlive this object, or set this to
    /// another one.
    unowned var delegate: (any ChannelSourceDelegate)?
    /// Called with the epoch of each history that was read.
    var onEpoch: (Int64) -> Void = { _ in }
    /// Why the source is not serving; nil when that is not known.
    var pipelineTrouble: () -> String? = { nil }
    private let redis: RedisConnection
    private let subscriber: RedisSubscriber
    private let isServing: () -> Bool
    private let epochKey: String
    private let logger: Logger
    private let text = EventText()
    private var lastLogged: String?

    /// - Parameter isServing: whether the server was initialized since the connection was made, and since the epoch was
    ///   found to be another one. Before that the epoch may be an old one, and a ring with it would not notice lost
    ///   events: no history is read, and no announcement is passed on.
    init(
        redis: RedisConnection, subscriber: RedisSubscriber, epochKey: String, isServing: @escaping () -> Bool,
        logger: Logger
    ) {
        self.isServing = isServing
        self.redis = redis
        self.subscriber = subscriber
        self.epochKey = epochKey
        self.logger = logger
    }

    var trouble: String? {
        if !isServing(), let reason = pipelineTrouble() { return reason }
        if !redis.isReady { return "no connection to Redis" }
        if !isServing() { return "Redis is not ready for the pipeline yet" }
        if !subscriber.isAlive { return "Redis does not respond: announcements are not received" }
        return nil
    }

    func subscribe(_ channel: String) {
        subscriber.subscribe(feed(channel).announcements, handler: AnnouncementHandler(channel: channel, source: self))
    }

    func unsubscribe(_ channel: String) {
        subscriber.unsubscribe(feed(channel).announcements)
    }

    func load(_ channel: String, after sequence: Int64, limit: Int, completion: @escaping (ChannelHistory?) -> Void) {
        read(.newest(of: feed(channel), after: sequence, limit: limit), completion: completion)
    }

    func loadPart(
        _ channel: String, after sequence: Int64, limit: Int, bytes: Int,
        completion: @escaping (ChannelHistory?) -> Void
    ) {
        read(.oldest(of: feed(channel), after: sequence, limit: limit, bytes: bytes), completion: completion)
    }

    private func read(_ call: FunctionCall<ChannelHistory>, completion: @escaping (ChannelHistory?) -> Void) {
        guard isServing() else { return completion(nil) }
        redis.call(call) { [self] result in
            switch result {
            case .success(var history):
                lastLogged = nil
                onEpoch(history.epoch)
                for index in history.items.indices {
                    history.items[index].event = text.normalized(history.items[index].event)
                }
                completion(history)
            case .failure(let error):
                // The session greets again, and then all channels are loaded.
                if error.code == .outdated { return completion(nil) }
                if lastLogged != error.message {
                    logger.warning(
                        "a channel's history cannot be read", metadata: ["error": "\(error.message)"])
                    lastLogged = error.message
                }
                completion(nil)
            }
        }
    }

    private func feed(_ channel: String) -> ChannelFeed {
        ChannelFeed(channel: channel, epochKey: epochKey)
    }
}

extension Hub {
    /// A hub without a server, of channels that a connection and a subscriber read: see ``FeedSource``.
    package convenience init(
        on loop: EventLoop, limits: EdgeLimits, redis: RedisConnection, subscriber: RedisSubscriber, epochKey: String,
        isServing: @escaping () -> Bool, pipelineTrouble: @escaping () -> String?, onEpoch: @escaping (Int64) -> Void,
        logger: Logger
    ) {
        let source = FeedSource(
            redis: redis, subscriber: subscriber, epochKey: epochKey, isServing: isServing, logger: logger)
        source.pipelineTrouble = pipelineTrouble
        source.onEpoch = onEpoch
        self.init(on: loop, source: source, limits: limits, metrics: EdgeMetrics())
    }
}
