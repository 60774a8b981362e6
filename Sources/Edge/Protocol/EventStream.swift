import Events

/// `GET /v1/channels/CHANNEL?live=sse`: server-sent events as Durable Streams has them (5.7).
///
/// `event: data` with a JSON array, then `event: control` with the next offset. A slow reader holds a position: the next
/// events are written when the last ones are sent, all that came meanwhile at once. The stream ends after a time, and when
/// the position is lost; the client comes back with its offset and is told.
final class EventStream: Exchange, Watcher {
    private let connection: Connection
    private let services: EdgeServices
    private var watch: Watch?
    private let cursor: Int64?
    private var hasBegun = false
    private var end: Int64 = 0

    /// How often a silent stream is kept alive through proxies.
    private static let heartbeat: Int64 = 15_000

    init(on connection: Connection, services: EdgeServices, query: Request.ChannelQuery) {
        self.connection = connection
        self.services = services
        cursor = query.cursor
    }

    var isHold: Bool { true }

    /// Begins to answer.
    func start(_ query: Request.ChannelQuery) throws(Refusal) {
        let watch = try services.hub.watch(query.channel, from: query.offset, by: self)
        self.watch = watch
        services.metrics.held += 1
        let now = Clock.monotonicMilliseconds()
        end = now + services.limits.streamTimeout
        connection.begin(self)
        connection.hold(until: now + services.limits.loadTimeout)
        proceed(watch, ring: watch.channel.ring)
    }

    func wake(_ watch: Watch, ring: Ring) {
        proceed(watch, ring: ring)
    }

    func clientLeft() {
        leave()
    }

    func outputDrained() {
        guard let watch else { return }
        holdOn()
        proceed(watch, ring: watch.channel.ring)
    }

    func deadlinePassed() {
        guard watch != nil else { return }
        guard hasBegun else {
            leave()
            return connection.refuse(services.unknownChannel)
        }
        if Clock.monotonicMilliseconds() >= end || connection.isEnding { return finish() }
        connection.stream(Array(":\n\n".utf8))
        if connection.isDrained { holdOn() }
    }

    /// Writes what there is, and waits when that is all.
    private func proceed(_ start: Watch, ring: Ring) {
        var ring = ring
        while let watch, connection.isDrained {
            let isOwn = ring === watch.channel.ring
            let standing = services.hub.look(watch, ring: isOwn ? nil : ring)
            switch standing {
            case .lost: return lost()
            case .found(let position, let hasNews):
                if !hasBegun { begin() }
                if hasNews || !hasWritten {
                    write(ring.batch(after: position.sequence), watch)
                } else if isOwn {
                    return services.hub.wait(watch, standing: standing)
                }
                ring = watch.channel.ring
            case .older, nil:
                return services.hub.wait(watch, standing: standing)
            }
        }
    }

    private var hasWritten = false

    private func begin() {
        hasBegun = true
        connection.beginStream(type: "text/event-stream") { head in
            head.field("X-Accel-Buffering: ", "no")
        }
        holdOn()
    }

    private func write(_ batch: Batch, _ watch: Watch) {
        hasWritten = true
        var bytes: [UInt8] = []
        bytes.reserveCapacity(batch.body.count + 192)
        if batch.count > 0 {
            bytes.append("event: data\ndata: ")
            bytes.append(contentsOf: batch.body)
            bytes.append("\n\n")
        }
        bytes.append("event: control\ndata: {\"streamNextOffset\":\"")
        batch.next.write(into: &bytes)
        bytes.append("\",\"streamCursor\":\"")
        bytes.appendDecimal(services.cursor(after: cursor))
        let isEnd = batch.reachesEnd && batch.next.sequence >= watch.channel.ring.last
        bytes.append(isEnd ? "\",\"upToDate\":true}\n\n" : "\"}\n\n")
        watch.offset = .position(batch.next)
        services.metrics.eventsDelivered += batch.count
        connection.stream(bytes)
    }

    private func holdOn() {
        connection.hold(until: min(end, Clock.monotonicMilliseconds() + Self.heartbeat))
    }

    private func lost() {
        services.metrics.positionsLost += 1
        if hasBegun { return finish() }
        leave()
        connection.refuse(EdgeServices.lostPosition)
    }

    private func finish() {
        leave()
        connection.endStream()
    }

    private func leave() {
        guard let watch else { return }
        self.watch = nil
        services.hub.leave(watch)
        services.metrics.held -= 1
    }
}
