import Events

/// `GET /v1/channels/CHANNEL`, as a single response: a catch-up read or a long poll.
final class ChannelRead: PendingResponse, Subscriber {
    private let connection: Connection
    private let services: EdgeServices
    private var subscription: Subscription?
    private let isLive: Bool
    private let isFromNow: Bool
    private let cursor: Int64?
    private let ifNoneMatch: String?
    private let takesGzip: Bool
    private let expires: Int64?
    private var isCounted = false

    init(on connection: Connection, services: EdgeServices, query: Request.ChannelQuery, request: Request) {
        self.connection = connection
        self.services = services
        isLive = query.live == .longPoll && !connection.wantsHeadOnly
        isFromNow = query.offset == .now || connection.wantsHeadOnly
        cursor = query.cursor
        ifNoneMatch = isLive ? nil : request.ifNoneMatch
        takesGzip = request.takesGzip
        expires = request.expires
    }

    /// A catch-up read waits only for its history, which arrives or fails.
    var isHold: Bool { isLive && isCounted }

    /// Starts to answer.
    func start(_ query: Request.ChannelQuery) throws(HTTPError) {
        // HEAD describes the end of the channel, whatever the offset.
        let offset = connection.wantsHeadOnly ? .now : query.offset
        let subscription = try services.hub.subscribe(query.channel, from: offset, by: self)
        self.subscription = subscription
        connection.begin(self)
        if !isLive || !services.hub.queueUp(subscription, lookup: services.hub.lookUp(subscription)) {
            evaluate(subscription, ring: subscription.channel.ring)
        }
        guard self.subscription != nil else { return }
        isCounted = true
        services.metrics.held += 1
        connection.hold(
            until: isLive
                ? services.endOfHold(seconds: query.timeout, expires: expires)
                : Clock.coarseMilliseconds() + services.limits.loadTimeout)
    }

    func wake(_ subscription: Subscription, ring: Ring) {
        evaluate(subscription, ring: ring)
    }

    func clientLeft() {
        end()
    }

    func deadlinePassed() {
        guard let subscription else { return }
        services.hub.dequeue(subscription)
        switch services.hub.lookUp(subscription) {
        case .found(_, hasNews: false) where isLive: timedOut(subscription)
        case .found(let position, _): answer(from: position, subscription, ring: subscription.channel.ring)
        case .lost: lost()
        case .older, .unseen, nil:
            var error = services.unknownChannel
            if !isLive { error.limit = .loadTimeout }
            refuse(error)
        }
    }

    private func evaluate(_ subscription: Subscription, ring: Ring) {
        let isOwn = ring === subscription.channel.ring
        let lookup = services.hub.lookUp(subscription, ring: isOwn ? nil : ring)
        switch lookup {
        case .lost: lost()
        case .found(let position, let hasNews):
            if hasNews || !isLive { return answer(from: position, subscription, ring: ring) }
            if !isOwn {
                // The older history has no further events.
                subscription.offset = .position(ring.tail)
                return evaluate(subscription, ring: subscription.channel.ring)
            }
            services.hub.wait(subscription, lookup: lookup)
        case .older, .unseen, nil: services.hub.wait(subscription, lookup: lookup)
        }
    }

    private func answer(from start: Position, _ subscription: Subscription, ring: Ring) {
        let batch = ring.batch(after: start.sequence)
        let isEnd = batch.reachesEnd && batch.next.sequence >= subscription.channel.ring.last
        let live = isLive ? services.cursor(after: cursor) : nil
        let gzip = takesGzip && batch.body.count >= GzipBody.worthwhile ? batch.gzip(by: services.zlib) : nil
        let tag =
            isLive || isFromNow
            ? nil : EntityTag.tag(from: start, to: batch.next, isEnd: isEnd, isGzip: gzip != nil)
        end()
        if let tag, let ifNoneMatch, EntityTag.matches(ifNoneMatch, tag) {
            return connection.respond(.notModified, type: nil, body: []) { head in
                head.encoding(isGzip: false)
                Self.fields(&head, next: batch.next, isEnd: isEnd, cursor: live, tag: tag)
            }
        }
        services.metrics.eventsDelivered += batch.count
        let fields = { (head: inout ResponseHead) in
            head.encoding(isGzip: gzip != nil)
            Self.fields(&head, next: batch.next, isEnd: isEnd, cursor: live, tag: tag)
        }
        if let live, gzip == nil {
            let variant = live << 1 | (isEnd ? 1 : 0)
            connection.respond(
                .ok, type: "application/json", body: batch.body, cache: batch.cache, variant: variant, fields: fields)
        } else {
            connection.respond(.ok, type: "application/json", body: gzip?.bytes ?? batch.body, fields: fields)
        }
    }

    private func timedOut(_ subscription: Subscription) {
        let next = subscription.channel.ring.tail
        let cursor = services.cursor(after: cursor)
        end()
        connection.respond(.noContent, type: nil, body: []) { head in
            Self.fields(&head, next: next, isEnd: true, cursor: cursor, tag: nil)
        }
    }

    private func lost() {
        services.metrics.positionsLost += 1
        refuse(EdgeServices.lostPosition)
    }

    private func refuse(_ error: HTTPError) {
        end()
        connection.refuse(error)
    }

    /// Ends the subscription. Call it before answering: the response may hold the last reference to this object.
    private func end() {
        guard let subscription else { return }
        self.subscription = nil
        services.hub.leave(subscription)
        if isCounted { services.metrics.held -= 1 }
    }

    private static func fields(
        _ head: inout ResponseHead, next: Position, isEnd: Bool, cursor: Int64?, tag: String?
    ) {
        head.field("Stream-Next-Offset: ", next)
        if isEnd { head.field("Stream-Up-To-Date: ", "true") }
        if let cursor { head.field("Stream-Cursor: ", cursor) }
        if let tag { head.field("ETag: ", text: tag) }
    }
}

/// `ETag` of catch-up reads and files, and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).
enum EntityTag {
    /// Identifies the events between two positions. `isEnd`: no more follow. The compressed form has a tag of its own.
    static func tag(from start: Position, to end: Position, isEnd: Bool, isGzip: Bool) -> String {
        "\"\(start.text)-\(end.text)\(isEnd ? "" : "-part")\(isGzip ? "-gzip" : "")\""
    }

    /// Whether the field's value contains the tag, by weak comparison as the RFC requires.
    static func matches(_ ifNoneMatch: String, _ tag: String) -> Bool {
        if ifNoneMatch == "*" { return true }
        return ifNoneMatch.utf8.split(separator: 0x2C).contains { part in
            var part = part
            while let first = part.first, first == 0x20 || first == 0x09 { part = part.dropFirst() }
            while let last = part.last, last == 0x20 || last == 0x09 { part = part.dropLast() }
            if part.starts(with: "W/".utf8) { part = part.dropFirst(2) }
            return part.elementsEqual(tag.utf8)
        }
    }
}
