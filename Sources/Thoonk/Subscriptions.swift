/// Which subscriber follows which topics, and what to tell it when the connection is lost and restored. Pure: the
/// client performs the actions.
struct Subscriptions {
    enum Action: Equatable {
        case subscribe(EventTopic)
        case unsubscribe(EventTopic)
        /// All topics of this subscriber are confirmed, for the first time.
        case begin(UInt64)
        /// All topics of this subscriber are confirmed again after a loss: events may be missing.
        case missed(UInt64)
    }

    private struct Subscriber {
        var topics: [EventTopic]
        /// Topics that Redis has not confirmed, or not again since the connection was lost.
        var awaited: Set<EventTopic>
        var hasBegun = false
    }

    private var subscribers: [UInt64: Subscriber] = [:]
    private var topics: [EventTopic: Set<UInt64>] = [:]
    private var active: Set<EventTopic> = []

    /// The subscribers that follow a topic.
    func subscribers(of topic: EventTopic) -> Set<UInt64> { topics[topic] ?? [] }

    mutating func subscribe(_ id: UInt64, _ wanted: [EventTopic]) -> [Action] {
        subscribers[id] = Subscriber(topics: wanted, awaited: Set(wanted).subtracting(active))
        var actions: [Action] = []
        for topic in wanted {
            if topics[topic] == nil { actions.append(.subscribe(topic)) }
            topics[topic, default: []].insert(id)
        }
        return actions + settle(id)
    }

    mutating func unsubscribe(_ id: UInt64) -> [Action] {
        guard let subscriber = subscribers.removeValue(forKey: id) else { return [] }
        var actions: [Action] = []
        for topic in subscriber.topics {
            topics[topic]?.remove(id)
            if topics[topic]?.isEmpty ?? false {
                topics[topic] = nil
                active.remove(topic)
                actions.append(.unsubscribe(topic))
            }
        }
        return actions
    }

    mutating func confirmed(_ topic: EventTopic) -> [Action] {
        guard topics[topic] != nil else { return [] }
        active.insert(topic)
        return subscribers(of: topic).sorted().flatMap { id in
            guard subscribers[id]?.awaited.remove(topic) != nil else { return [Action]() }
            return settle(id)
        }
    }

    mutating func lost(_ topic: EventTopic) {
        active.remove(topic)
        for id in subscribers(of: topic) { subscribers[id]?.awaited.insert(topic) }
    }

    private mutating func settle(_ id: UInt64) -> [Action] {
        guard let subscriber = subscribers[id], subscriber.awaited.isEmpty else { return [] }
        subscribers[id]?.hasBegun = true
        return [subscriber.hasBegun ? .missed(id) : .begin(id)]
    }
}

/// A channel, or a pattern of channels, to subscribe to. Names are compared by their bytes; see ``WaitQueueKey``.
struct EventTopic: Hashable, Sendable {
    let name: [UInt8]
    let isPattern: Bool

    var text: String { String(decoding: name, as: UTF8.self) }

    private static let ofFeeds = ["feed.publish", "feed.edit", "feed.retract", "feed.position", "job.finish"]
    private static let ofAll = ["newfeed", "delfeed", "conffeed"]

    /// The topics of these feeds; nil: of all feeds, including those created later.
    static func topics(of feeds: [String]?) -> [EventTopic] {
        let common = ofAll.map { EventTopic(name: Array($0.utf8), isPattern: false) }
        guard let feeds else {
            return common + ofFeeds.map { EventTopic(name: Array("\($0):*".utf8), isPattern: true) }
        }
        return common
            + feeds.flatMap { feed in
                ofFeeds.map { EventTopic(name: Array("\($0):\(feed)".utf8), isPattern: false) }
            }
    }
}
