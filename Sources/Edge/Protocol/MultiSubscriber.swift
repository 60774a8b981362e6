import JSON

/// What a poll and a stream over many channels have in common: a watch on each, some of which may have lost their place, or
/// stand before what the ring holds.
protocol MultiSubscriber: Subscriber {
    var services: EdgeServices { get }
    var subscriptions: [Subscription] { get set }
    /// Watches that had to begin anew and whose reader was not told yet.
    var lost: Set<ObjectIdentifier> { get set }
    /// Histories, or parts of them, that were loaded for watches whose ring no longer holds what they ask for.
    var older: [ObjectIdentifier: Ring] { get set }
}

extension MultiSubscriber {
    /// Begins to watch all channels, or none.
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

    /// Takes note of what a watch was woken with.
    func note(_ subscription: Subscription, ring: Ring) {
        if ring !== subscription.channel.ring { older[ObjectIdentifier(subscription)] = ring }
    }

    /// Where each watch stands, in their order; nil where that is not known now. A watch that has lost its place begins at
    /// the oldest event kept.
    func lookUp() -> [ChannelShare?] {
        subscriptions.map { subscription in
            let id = ObjectIdentifier(subscription)
            if let ring = older[id] {
                let share = share(of: subscription, in: ring)
                if let share, share.hasNews || share.isReset { return share }
                older[id] = nil
                // A history that holds nothing more. Who stands behind a part of one is looked at anew.
                if share != nil { subscription.offset = .position(ring.tail) }
            }
            return share(of: subscription, in: nil)
        }
    }

    /// - Parameter ring: an older history; nil for the channel's ring.
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

    /// Lets every watch wait for more that is in no queue. Waiting can be over at once, and with it the reader.
    func waitForMore() {
        for subscription in subscriptions where subscription.place == .nowhere {
            guard !subscriptions.isEmpty else { return }
            // What is at hand already waits for the others, not for more.
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

/// Where a reader of many channels stands in one of them.
struct ChannelShare {
    let subscription: Subscription
    let position: Position
    /// What is to be read from: the channel's ring, or an older history.
    let ring: Ring
    let hasNews: Bool
    /// The reader's place was lost: this is a new beginning.
    let isReset: Bool
}

/// What `/v1/poll` answers and `/v1/events` sends.
///
///     {"channels":{"thread:42":{"next":"…","events":[…],"reset":false}},"wait":0}
struct ChannelsAnswer {
    private struct Item {
        let name: String
        let next: Position
        /// Nil: the events come with the next answer.
        let batch: EncodedBatch?
        let isReset: Bool
    }

    /// How many events it holds.
    private(set) var events = 0
    /// Whether there was more than it has room for.
    private(set) var isCut = false
    private var items: [Item] = []
    private let wait: Int64
    private var size = 0

    /// Smaller bodies are copied as they are: to look them up compressed is not worth it.
    private static let plainBatch = 256

    /// Takes from each share what there is, as long as it has room: the first that has something always goes, so that
    /// every answer gets its reader further.
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
            items.append(
                Item(
                    name: share.subscription.channel.name, next: fits ? batch.next : share.position,
                    batch: fits && batch.count > 0 ? batch : nil, isReset: share.isReset))
        }
        size = limit - room
    }

    /// The positions after it, in the order of the shares.
    var places: some Sequence<Position> { items.lazy.map(\.next) }

    /// Whether it is worth compressing.
    var isLarge: Bool { size >= GzipBody.worthwhile }

    /// Appends the answer.
    func write(into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + size + 160 * items.count + 32)
        forEachPiece(&bytes) { batch, bytes in bytes.append(contentsOf: batch.body) }
    }

    /// The answer in gzip form: put together from the events' shared compressed bodies.
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

    /// Writes what stands around the events, and calls for each channel's events in their place.
    private func forEachPiece(_ bytes: inout [UInt8], events: (EncodedBatch, inout [UInt8]) -> Void) {
        bytes.append("{\"channels\":{")
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            JSON.string(item.name).write(into: &bytes)
            bytes.append(":{\"next\":\"")
            item.next.write(into: &bytes)
            bytes.append("\",\"events\":")
            if let batch = item.batch { events(batch, &bytes) } else { bytes.append("[]") }
            bytes.append(item.isReset ? ",\"reset\":true}" : ",\"reset\":false}")
        }
        bytes.append("},\"wait\":")
        bytes.appendDecimal(wait)
        bytes.append(0x7D)
    }
}
