import JSON

/// What a poll and a stream of many channels have in common: a subscription to each. Some may have lost their position,
/// or need older history than the ring holds.
protocol MultiSubscriber: Subscriber {
    var services: EdgeServices { get }
    var subscriptions: [Subscription] { get set }
    /// Subscriptions that lost their position and whose reader was not told yet.
    var lost: Set<ObjectIdentifier> { get set }
    /// Older history, or parts of it, that was loaded for subscriptions whose ring no longer holds it.
    var older: [ObjectIdentifier: Ring] { get set }
}

extension MultiSubscriber {
    /// Subscribes to all channels, or to none.
    func open(_ items: [Request.PollQuery.Item]) throws(HTTPError) {
        subscriptions.reserveCapacity(items.count)
        for item in items {
            do throws(HTTPError) {
                subscriptions.append(try services.hub.subscribe(item.channel, from: item.offset, by: self))
            } catch {
                leaveAll()
                throw error
            }
        }
    }

    /// Remembers the older history that a subscription was woken with.
    func note(_ subscription: Subscription, ring: Ring) {
        if ring !== subscription.channel.ring { older[ObjectIdentifier(subscription)] = ring }
    }

    /// Looks up all subscriptions, in order; nil where the position is not known now. A subscription that lost its
    /// position restarts at the oldest event kept.
    func lookUp() -> [ChannelShare?] {
        subscriptions.map { subscription in
            let id = ObjectIdentifier(subscription)
            if let ring = older[id] {
                let share = share(of: subscription, in: ring)
                if let share, share.hasNews || share.isReset { return share }
                older[id] = nil
                // The older history has no further events. A subscription after a part of it is looked up again.
                if let share { subscription.offset = .position(ring.tail(from: share.position)) }
            }
            return share(of: subscription, in: nil)
        }
    }

    /// - Parameter ring: older history; nil for the channel's ring.
    private func share(of subscription: Subscription, in ring: Ring?) -> ChannelShare? {
        var lookup = services.hub.lookUp(subscription, ring: ring)
        if lookup == .lost {
            services.metrics.positionsLost += 1
            lost.insert(ObjectIdentifier(subscription))
            subscription.offset = .beginning
            lookup = services.hub.lookUp(subscription, ring: ring)
        }
        guard case .found(let position, let hasNews) = lookup else { return nil }
        return ChannelShare(
            subscription: subscription, position: position, ring: ring ?? subscription.channel.ring, hasNews: hasNews,
            isReset: lost.contains(ObjectIdentifier(subscription)))
    }

    /// Queues every subscription that is not queued and has no news. Waiting may end at once, and the reader with it.
    func waitForMore() {
        for subscription in subscriptions where subscription.place == .nowhere {
            guard !subscriptions.isEmpty else { return }
            // Its news is known already and waits only for the other channels.
            if older[ObjectIdentifier(subscription)] != nil { continue }
            let lookup = services.hub.lookUp(subscription)
            if case .found(_, hasNews: true) = lookup { continue }
            services.hub.wait(subscription, lookup: lookup)
        }
    }

    func leaveAll() {
        for subscription in subscriptions { services.hub.leave(subscription) }
        subscriptions = []
    }
}

/// The state of one channel for a reader of many.
struct ChannelShare {
    let subscription: Subscription
    let position: Position
    /// The channel's ring, or older history.
    let ring: Ring
    let hasNews: Bool
    /// The position was lost: the events start anew.
    let isReset: Bool
}

/// The answer of `/v1/poll` and the data of an event of `/v1/events`.
///
///     {"channels":{"thread:42":{"next":"…","events":[…],"reset":false}},"wait":0}
///
/// A channel whose conversation is closed has `"closed":true` as well, where the answer reaches its end.
struct ChannelsAnswer {
    private struct Item {
        let name: String
        let next: Position
        /// Nil: there are no events, or they come with the next answer.
        let batch: EncodedBatch?
        let isReset: Bool
        /// The answer reaches the channel's end, and its conversation is closed.
        let isClosed: Bool
    }

    /// The number of events.
    private(set) var events = 0
    /// Whether some events did not fit.
    private(set) var isCut = false
    private var items: [Item] = []
    private let wait: Int64
    private var size = 0

    /// Smaller bodies are not worth compressing separately.
    private static let plainBatch = 256

    /// Takes the events of each channel as long as they fit. The first channel with events is always included, so that
    /// every answer makes progress.
    ///
    /// - Parameters:
    ///   - limit: bytes of events.
    ///   - wait: the pause in milliseconds that the reader is asked for.
    init(_ shares: [ChannelShare], limit: Int, wait: Int64) {
        self.wait = wait
        items.reserveCapacity(shares.count)
        var room = limit
        for share in shares {
            let batch = share.ring.batch(after: share.position.sequence)
            let fits = batch.body.count <= room || room == limit
            if !fits { isCut = true }
            if fits, batch.count > 0 {
                room -= batch.body.count
                events += batch.count
            }
            let channel = share.subscription.channel
            let isEnd = fits && batch.reachesEnd && batch.next.sequence >= channel.ring.last
            items.append(
                Item(
                    name: channel.name, next: fits ? batch.next : share.position,
                    batch: fits && batch.count > 0 ? batch : nil, isReset: share.isReset,
                    isClosed: isEnd && channel.ring.isClosed))
        }
        size = limit - room
    }

    /// The positions after the answer, in the order of the shares.
    var places: some Sequence<Position> { items.lazy.map(\.next) }

    /// Whether the answer is worth compressing.
    var isLarge: Bool { size >= GzipBody.worthwhile }

    /// Appends the answer.
    func write(into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + size + 160 * items.count + 32)
        forEachPiece(&bytes) { batch, bytes in bytes.append(contentsOf: batch.body) }
    }

    /// The answer in gzip form, assembled from the shared compressed bodies of the events.
    func gzip(by zlib: ZlibHandle) -> [UInt8] {
        var writer = GzipWriter()
        var plain: [UInt8] = []
        forEachPiece(&plain) { batch, plain in
            guard batch.body.count >= Self.plainBatch, let body = batch.gzip(by: zlib) else {
                return plain.append(contentsOf: batch.body)
            }
            writer.append(plain: plain)
            plain.removeAll(keepingCapacity: true)
            writer.append(body)
        }
        writer.append(plain: plain)
        return writer.finish()
    }

    /// Writes the text around the events, and calls `events` for each channel's events.
    private func forEachPiece(_ bytes: inout [UInt8], events: (EncodedBatch, inout [UInt8]) -> Void) {
        bytes.append("{\"channels\":{")
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            JSON.string(item.name).write(into: &bytes)
            bytes.append(":{\"next\":\"")
            item.next.write(into: &bytes)
            bytes.append("\",\"events\":")
            if let batch = item.batch { events(batch, &bytes) } else { bytes.append("[]") }
            bytes.append(item.isReset ? ",\"reset\":true" : ",\"reset\":false")
            bytes.append(item.isClosed ? ",\"closed\":true}" : "}")
        }
        bytes.append("},\"wait\":")
        bytes.appendDecimal(wait)
        bytes.append(0x7D)
    }
}
