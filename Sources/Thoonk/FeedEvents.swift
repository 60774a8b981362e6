/// A stream of the events of feeds, in the order in which they happen. Get one from ``ThoonkClient/events(of:)``.
///
/// The stream reconnects by itself and never gives up. Redis does not store announcements, so events are lost while the
/// connection is down: ``FeedEvent/missed(_:)`` marks the place. The stream ends when the client is closed, and for a
/// task that is cancelled.
///
/// A copy is the same stream: tasks that iterate over copies share the events between them. The subscription ends when
/// the last copy is released.
public struct FeedEvents: AsyncSequence, Sendable {
    public typealias Element = FeedEvent
    public typealias Failure = Never

    let queue: EventQueue
    let token: SubscriptionToken

    public struct Iterator: AsyncIteratorProtocol {
        let queue: EventQueue
        let token: SubscriptionToken

        /// The next event; nil at the end.
        public mutating func next() async -> FeedEvent? {
            await queue.next()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> FeedEvent? {
            await queue.next()
        }
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(queue: queue, token: token)
    }
}

/// A change of a feed, made by any client.
public enum FeedEvent: Sendable, Equatable {
    /// An item was published, or one of a sorted feed edited: the contract announces both in the same way.
    case published(feed: String, id: String, item: [UInt8])
    /// An item was published under an id that existed already.
    case edited(feed: String, id: String, item: [UInt8])
    case retracted(feed: String, id: String)
    /// An item of a sorted feed was put at this position. New items are announced this way as well.
    case moved(feed: String, id: String, position: FeedPosition)
    /// A job was finished with a result. A job that is finished without one is not announced.
    case finished(feed: String, id: String, result: [UInt8])
    case created(feed: String)
    case deleted(feed: String)
    /// The feed's configuration was written. This is announced for a new feed as well.
    case configured(feed: String)
    /// Events may be missing here; from here on the stream is complete again. To catch up, read the feed now.
    case missed(MissedReason)

    /// The feed that has changed; nil for ``missed(_:)``.
    public var feed: String? {
        switch self {
        case .published(let feed, _, _), .edited(let feed, _, _), .retracted(let feed, _), .moved(let feed, _, _),
            .finished(let feed, _, _), .created(let feed), .deleted(let feed), .configured(let feed):
            feed
        case .missed: nil
        }
    }

    /// Parses an announcement. It is split at the first NUL only, since the item may contain more. Nil when it is not
    /// one of the contract.
    init?(channel: String, payload: [UInt8]) {
        let halves = payload.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let first = String(decoding: halves[0], as: UTF8.self)
        let second = halves.count > 1 ? Array(halves[1]) : nil
        switch (channel, second) {
        case ("newfeed", _): self = .created(feed: first)
        case ("delfeed", _): self = .deleted(feed: first)
        case ("conffeed", _): self = .configured(feed: first)
        default:
            guard let colon = channel.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let feed = String(channel[channel.utf8.index(after: colon)...])
            switch (channel[..<colon], second) {
            case ("feed.publish", let item?): self = .published(feed: feed, id: first, item: item)
            case ("feed.edit", let item?): self = .edited(feed: feed, id: first, item: item)
            case ("feed.retract", nil): self = .retracted(feed: feed, id: first)
            case ("job.finish", let result?): self = .finished(feed: feed, id: first, result: result)
            case ("feed.position", let place?):
                guard let position = FeedPosition(announced: String(decoding: place, as: UTF8.self)) else { return nil }
                self = .moved(feed: feed, id: first, position: position)
            default: return nil
            }
        }
    }
}

/// Why events may be missing.
public enum MissedReason: Sendable, Equatable {
    /// The connection was lost and has been restored.
    case reconnected
    /// The consumer was too slow and its buffer full; that many events were dropped.
    case tooSlow(dropped: Int)
}

/// Ends a subscription when the last copy of its ``FeedEvents`` is released.
final class SubscriptionToken: Sendable {
    private let core: ThoonkCore
    private let id: UInt64

    init(core: ThoonkCore, id: UInt64) {
        self.core = core
        self.id = id
    }

    deinit {
        Task { [core, id] in await core.unsubscribe(id) }
    }
}
