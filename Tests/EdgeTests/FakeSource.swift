import Store

@testable import Edge

/// A source of channels in memory. Publishing announces at once; loads are answered at once, unless they are held.
final class FakeSource: ChannelSource {
    weak var delegate: (any ChannelSourceDelegate)?
    var trouble: String?
    /// Whether subscriptions are confirmed automatically.
    var confirms = true
    /// Whether loads wait for ``answerLoads()``.
    var holdsLoads = false
    /// Whether a load that waits has read the feed when it was asked for, not when it is answered.
    var readsAtOnce = false
    /// Whether loads fail.
    var failsLoads = false
    /// The channels whose history says that they are closed.
    var closed: Set<String> = []
    /// How many events a feed keeps.
    var capacity: Int64 = 100

    private(set) var subscribed: Set<String> = []
    private(set) var loads = 0
    /// The number of events in all loads together.
    private(set) var eventsLoaded = 0
    /// The sequence numbers after which parts were loaded.
    private(set) var partStarts: [Int64] = []
    private var heldLoads: [() -> Void] = []
    private var feeds: [String: Feed] = [:]

    private struct Feed {
        var born: Int64
        var last: Int64 = 0
        var floor: Int64 = 0
        var items: [ChannelHistory.Item] = []
    }

    /// When feeds are born, unless ``time`` is later.
    static let born: Int64 = 1_700_000_000_000

    var epoch: Int64 = 1
    /// The time that positions of channels without a feed carry.
    var time = FakeSource.born
    /// The latest birth of a feed that was removed.
    var swept: Int64 = 0

    func subscribe(_ channel: String) {
        subscribed.insert(channel)
        if confirms { delegate?.sourceConfirmed(channel) }
    }

    func unsubscribe(_ channel: String) {
        subscribed.remove(channel)
    }

    func load(_ channel: String, after sequence: Int64, limit: Int, completion: @escaping (ChannelHistory?) -> Void) {
        answer(completion) { self.history(of: channel, after: sequence, limit: limit) }
    }

    func loadPart(
        _ channel: String, after sequence: Int64, limit: Int, bytes: Int,
        completion: @escaping (ChannelHistory?) -> Void
    ) {
        partStarts.append(sequence)
        answer(completion) { self.part(of: channel, after: sequence, limit: limit, bytes: bytes) }
    }

    private func answer(_ completion: @escaping (ChannelHistory?) -> Void, with history: @escaping () -> ChannelHistory)
    {
        loads += 1
        let known = readsAtOnce ? history() : nil
        let answer = { [self] in
            guard !failsLoads else { return completion(nil) }
            let history = known ?? history()
            eventsLoaded += history.items.count
            completion(history)
        }
        if holdsLoads { heldLoads.append(answer) } else { answer() }
    }

    /// Appends an event to a feed, where it takes the place of older ones of its comment, and announces it unless told
    /// not to.
    func publish(_ event: String, to channel: String, announced: Bool = true) {
        var feed = feeds[channel] ?? Feed(born: max(time, FakeSource.born))
        feed.last += 1
        let text = Array(event.utf8)
        if EventSubject(text)?.kind == .comment {
            let same = feed.items.indices.filter { EventSubject.isSameComment(feed.items[$0].event, text) }
            if let place = same.first { feed.items[place].event = text }
            for index in same.dropFirst().reversed() { feed.items.remove(at: index) }
        }
        feed.items.append(ChannelHistory.Item(sequence: feed.last, event: text))
        feed.floor = max(feed.floor, feed.last - capacity)
        feed.items.removeAll { $0.sequence <= feed.floor }
        feeds[channel] = feed
        guard announced, subscribed.contains(channel) else { return }
        delegate?.sourceAnnounced(channel, sequence: feed.last, event: text)
    }

    /// Removes a feed, as a sweep does.
    func sweep(_ channel: String) {
        guard let born = feeds.removeValue(forKey: channel)?.born else { return }
        swept = max(swept, born)
        time = max(time, swept + 1)
    }

    func answerLoads() {
        let answers = heldLoads
        heldLoads = []
        for answer in answers { answer() }
    }

    /// Disconnects from the server.
    func breakLink() {
        for channel in subscribed { delegate?.sourceLost(channel) }
    }

    func mendLink() {
        for channel in subscribed { delegate?.sourceConfirmed(channel) }
    }

    private func history(of channel: String, after sequence: Int64, limit: Int) -> ChannelHistory {
        guard let feed = feeds[channel] else {
            return ChannelHistory(
                epoch: epoch, born: 0, last: 0, floor: 0, items: [], time: time, swept: swept, isComplete: true)
        }
        let from = max(sequence + 1, feed.last - Int64(limit) + 1)
        return ChannelHistory(
            epoch: epoch, born: feed.born, last: feed.last, floor: feed.floor,
            items: feed.items.filter { $0.sequence >= from }, swept: swept, isClosed: closed.contains(channel),
            isComplete: feed.last - Int64(limit) <= max(sequence, feed.floor))
    }

    private func part(of channel: String, after sequence: Int64, limit: Int, bytes: Int) -> ChannelHistory {
        var part = history(of: channel, after: sequence, limit: Int(Int32.max))
        var room = bytes
        let count = part.items.prefix(limit).prefix { item in
            room -= item.event.count
            return room >= 0 || item == part.items[0]
        }.count
        part.isComplete = count == part.items.count
        part.items.removeLast(part.items.count - count)
        return part
    }
}
