/// Who follows which topics, and what to tell them when subscriptions come and go. Pure: the client does what it says.
struct Followers {
    enum Action: Equatable {
        case subscribe(EventTopic)
        case unsubscribe(EventTopic)
        /// Everything that this one follows is heard now, for the first time.
        case begin(UInt64)
        /// Everything that this one follows is heard again.
        case missed(UInt64)
    }

    private struct Follower {
        var topics: [EventTopic]
        /// Those not heard now.
        var awaited: Set<EventTopic>
        var hasBegun = false
    }

    private var followers: [UInt64: Follower] = [:]
    private var topics: [EventTopic: Set<UInt64>] = [:]
    private var heard: Set<EventTopic> = []

    /// Who follows a topic.
    func followers(of topic: EventTopic) -> Set<UInt64> { topics[topic] ?? [] }

    mutating func follow(_ id: UInt64, _ wanted: [EventTopic]) -> [Action] {
        followers[id] = Follower(topics: wanted, awaited: Set(wanted).subtracting(heard))
        var actions: [Action] = []
        for topic in wanted {
            if topics[topic] == nil { actions.append(.subscribe(topic)) }
            topics[topic, default: []].insert(id)
        }
        return actions + settle(id)
    }

    mutating func leave(_ id: UInt64) -> [Action] {
        guard let follower = followers.removeValue(forKey: id) else { return [] }
        var actions: [Action] = []
        for topic in follower.topics {
            topics[topic]?.remove(id)
            if topics[topic]?.isEmpty ?? false {
                topics[topic] = nil
                heard.remove(topic)
                actions.append(.unsubscribe(topic))
            }
        }
        return actions
    }

    mutating func confirmed(_ topic: EventTopic) -> [Action] {
        guard topics[topic] != nil else { return [] }
        heard.insert(topic)
        return followers(of: topic).sorted().flatMap { id in
            guard followers[id]?.awaited.remove(topic) != nil else { return [Action]() }
            return settle(id)
        }
    }

    mutating func lost(_ topic: EventTopic) {
        heard.remove(topic)
        for id in followers(of: topic) { followers[id]?.awaited.insert(topic) }
    }

    private mutating func settle(_ id: UInt64) -> [Action] {
        guard let follower = followers[id], follower.awaited.isEmpty else { return [] }
        followers[id]?.hasBegun = true
        return [follower.hasBegun ? .missed(id) : .begin(id)]
    }
}
