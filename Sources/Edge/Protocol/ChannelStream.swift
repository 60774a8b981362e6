import Events

/// `GET /v1/channels/CHANNEL?live=sse`: server-sent events in the form of Durable Streams (5.7).
///
/// `event: data` with a JSON array, then `event: control` with the next offset. For a slow reader only its position is
/// kept: the next events are written when the last ones have been sent. The stream ends after a time, and when the
/// position is lost; the client reconnects with its offset and learns that. A browser reconnects by itself with the
/// `id` of the last event. It would give up after a 410, so it gets an `event: reset` instead.
///
/// A stream that tells its reader that the channel is closed ends with that, as the protocol demands (5.8). A reader
/// that was told before it came goes on: see docs/contract.md, "Closed channels".
final class ChannelStream: PendingResponse, Subscriber {
    private let connection: Connection
    private let services: EdgeServices
    private var subscription: Subscription?
    private let cursor: Int64?
    private let expires: Int64?
    private var schedule: StreamSchedule
    private var hasBegun = false
    private var hasWritten = false
    /// The reader is a browser that reconnects.
    private let isResumed: Bool
    /// The position is lost, and the reader was not told yet.
    private var mustReset = false
    /// The reader came with a position.
    private var hasPosition = false
    /// The reader came with the position at the end of a closed channel: it was told there, and goes on.
    private var knowsClosed = false

    init(on connection: Connection, services: EdgeServices, query: Request.ChannelQuery, expires: Int64?) {
        self.connection = connection
        self.services = services
        cursor = query.cursor
        self.expires = expires
        isResumed = query.lastEventID != nil
        schedule = StreamSchedule(end: services.endOfStream(expires: expires), heartbeat: services.limits.heartbeat)
    }

    var isHold: Bool { true }

    /// Starts to answer.
    func start(_ query: Request.ChannelQuery) throws(HTTPError) {
        let subscription = try services.hub.subscribe(query.channel, from: query.offset, by: self)
        self.subscription = subscription
        services.metrics.held += 1
        connection.begin(self)
        connection.hold(until: Clock.monotonicMilliseconds() + services.limits.loadTimeout)
        if let id = query.lastEventID { resume(subscription, after: id) }
        if case .position = subscription.offset { hasPosition = true }
        proceed(ring: subscription.channel.ring)
    }

    func wake(_ subscription: Subscription, ring: Ring) {
        proceed(ring: ring)
    }

    func clientLeft() {
        leave()
    }

    func outputDrained() {
        guard let subscription else { return }
        holdOn()
        proceed(ring: subscription.channel.ring)
    }

    func deadlinePassed() {
        guard subscription != nil else { return }
        // The history does not arrive: start the stream all the same, so that the reader keeps waiting.
        guard hasBegun else {
            services.metrics.reached(.loadTimeout)
            return begin()
        }
        switch schedule.sign(now: connection.isEnding ? Int64.max : Clock.monotonicMilliseconds()) {
        case .end: finish(atItsTime: true)
        case .comment, .message:
            services.metrics.reached(.heartbeat)
            connection.stream(Array(":\n\n".utf8))
            if connection.isDrained { holdOn() }
        }
    }

    /// Resumes after the last event. An id that does not belong to this stream counts as a lost position.
    private func resume(_ subscription: Subscription, after id: String) {
        if case .position(let position) = Offset(id) {
            subscription.knows(position)
        } else {
            reset(subscription)
        }
    }

    /// Writes what there is, then waits for more.
    private func proceed(ring: Ring) {
        var ring = ring
        while let subscription, connection.isDrained {
            if hasBegun, schedule.isOver(now: Clock.monotonicMilliseconds()) {
                return finish(atItsTime: true)
            }
            let isOwn = ring === subscription.channel.ring
            let lookup = services.hub.lookUp(subscription, ring: isOwn ? nil : ring)
            switch lookup {
            case .lost:
                guard isResumed else { return lost() }
                reset(subscription)
            case .found(let position, let hasNews):
                if !hasBegun { begin() }
                if hasNews || !hasWritten || mustReset {
                    let isFinal = write(ring.batch(after: position.sequence), subscription)
                    if isFinal { return finishClosed() }
                } else if isOwn {
                    return services.hub.wait(subscription, lookup: lookup)
                } else {
                    // The older history has no further events.
                    subscription.offset = .position(ring.tail(from: position))
                }
                ring = subscription.channel.ring
            case .older, .unseen, nil:
                return services.hub.wait(subscription, lookup: lookup)
            }
        }
    }

    private func begin() {
        hasBegun = true
        connection.beginEvents(retry: services.streamRetry())
        holdOn()
    }

    /// Returns whether the reader was told now that the channel is closed.
    private func write(_ batch: EncodedBatch, _ subscription: Subscription) -> Bool {
        let isEnd = batch.reachesEnd && batch.next.sequence >= subscription.channel.ring.last
        let isClosed = isEnd && subscription.channel.ring.isClosed
        if isClosed, !hasWritten, hasPosition, batch.count == 0 { knowsClosed = true }
        hasWritten = true
        var bytes: [UInt8] = []
        bytes.reserveCapacity(batch.body.count + 320)
        if mustReset { bytes.append("event: reset\ndata: {}\n\n") }
        mustReset = false
        if batch.count > 0 {
            bytes.append("event: data\ndata: ")
            bytes.append(contentsOf: batch.body)
            bytes.append("\nid: ")
            batch.next.write(into: &bytes)
            bytes.append("\n\n")
        }
        bytes.append("event: control\ndata: {\"streamNextOffset\":\"")
        batch.next.write(into: &bytes)
        bytes.append("\",\"streamCursor\":\"")
        bytes.appendDecimal(services.cursor(after: cursor))
        bytes.append(isEnd ? "\",\"upToDate\":true" : "\"")
        bytes.append(isClosed ? ",\"streamClosed\":true}\nid: " : "}\nid: ")
        batch.next.write(into: &bytes)
        bytes.append("\n\n")
        subscription.knows(batch.next)
        services.metrics.eventsDelivered += batch.count
        schedule.told()
        connection.stream(bytes)
        if connection.isDrained { holdOn() }
        return isClosed && !knowsClosed
    }

    private func holdOn() {
        connection.hold(until: schedule.next(after: Clock.monotonicMilliseconds()))
    }

    private func reset(_ subscription: Subscription) {
        services.metrics.positionsLost += 1
        mustReset = true
        subscription.offset = .beginning
        hasPosition = false
    }

    private func lost() {
        services.metrics.positionsLost += 1
        if hasBegun { return finish() }
        leave()
        connection.refuse(EdgeServices.lostPosition)
    }

    private func finish(atItsTime: Bool = false) {
        if atItsTime { services.streamEnded(on: connection, expires: expires) }
        leave()
        connection.endEvents()
    }

    /// The reader was told that the channel is closed. A browser comes back after the pause that it was told at the
    /// beginning: many readers end at this moment, and must not come back together.
    private func finishClosed() {
        leave()
        connection.endStream()
    }

    private func leave() {
        guard let subscription else { return }
        self.subscription = nil
        services.hub.leave(subscription)
        services.metrics.held -= 1
    }
}
