import Events

/// `GET /v1/channels/CHANNEL`, as a single response: a catch-up read or a long poll.
final class ChannelRead: HubRead, PendingResponse {
    private let connection: Connection
    private let services: EdgeServices
    private let isFromNow: Bool
    private let cursor: Int64?
    private let ifNoneMatch: String?
    private let takesGzip: Bool
    private let expires: Int64?
    private var isCounted = false

    init(on connection: Connection, services: EdgeServices, query: Request.ChannelQuery, request: Request) {
        self.connection = connection
        self.services = services
        let isLive = query.live == .longPoll && !connection.wantsHeadOnly
        isFromNow = query.offset == .now || connection.wantsHeadOnly
        cursor = query.cursor
        ifNoneMatch = isLive ? nil : request.ifNoneMatch
        takesGzip = request.takesGzip
        expires = request.expires
        super.init(from: services.hub, isLive: isLive)
    }

    /// A catch-up read waits only for its history, which arrives or fails.
    var isHold: Bool { isLive && isCounted }

    /// Starts to answer.
    func start(_ query: Request.ChannelQuery) throws(HTTPError) {
        // HEAD describes the end of the channel, whatever the offset.
        try open(query.channel, from: connection.wantsHeadOnly ? .now : query.offset)
        connection.begin(self)
        begin()
        guard isPending else { return }
        isCounted = true
        services.metrics.held += 1
        connection.hold(
            until: isLive
                ? services.endOfHold(seconds: query.timeout, expires: expires)
                : Clock.coarseMilliseconds() + services.limits.loadTimeout)
    }

    func clientLeft() {
        uncount()
        leave()
    }

    func deadlinePassed() {
        expire()
    }

    override func finished(_ outcome: Outcome) {
        uncount()
        switch outcome {
        case .events(let batch, let start, let isEnd): answer(batch, after: start, isEnd: isEnd)
        case .noNews(let next): timedOut(next)
        case .lost:
            services.metrics.positionsLost += 1
            connection.refuse(EdgeServices.lostPosition)
        case .unknown:
            var error = services.unknownChannel
            if !isLive { error.limit = .loadTimeout }
            connection.refuse(error)
        }
    }

    private func answer(_ batch: EncodedBatch, after start: Position, isEnd: Bool) {
        let live = isLive ? services.cursor(after: cursor) : nil
        let gzip = takesGzip && batch.body.count >= GzipBody.worthwhile ? batch.gzip(by: services.zlib) : nil
        let tag =
            isLive || isFromNow
            ? nil
            : EntityTag.tag(
                from: start, to: batch.next, isClosed: endsClosed, part: isEnd ? nil : batch.changedUpTo,
                isGzip: gzip != nil)
        let isClosed = endsClosed
        if let tag, let ifNoneMatch, EntityTag.matches(ifNoneMatch, tag) {
            return connection.respond(.notModified, type: nil, body: []) { head in
                head.encoding(isGzip: false)
                Self.fields(&head, next: batch.next, isEnd: isEnd, isClosed: isClosed, cursor: live, tag: tag)
            }
        }
        services.metrics.eventsDelivered += batch.count
        let fields = { (head: inout ResponseHead) in
            head.encoding(isGzip: gzip != nil)
            Self.fields(&head, next: batch.next, isEnd: isEnd, isClosed: isClosed, cursor: live, tag: tag)
        }
        if let live, gzip == nil {
            let variant = live << 2 | (isClosed ? 2 : 0) | (isEnd ? 1 : 0)
            connection.respond(
                .ok, type: "application/json", body: batch.body, cache: batch.cache, variant: variant, fields: fields)
        } else {
            connection.respond(.ok, type: "application/json", body: gzip?.bytes ?? batch.body, fields: fields)
        }
    }

    private func timedOut(_ next: Position) {
        let cursor = services.cursor(after: cursor)
        let isClosed = endsClosed
        connection.respond(.noContent, type: nil, body: []) { head in
            Self.fields(&head, next: next, isEnd: true, isClosed: isClosed, cursor: cursor, tag: nil)
        }
    }

    private func uncount() {
        guard isCounted else { return }
        isCounted = false
        services.metrics.held -= 1
    }

    private static func fields(
        _ head: inout ResponseHead, next: Position, isEnd: Bool, isClosed: Bool, cursor: Int64?, tag: String?
    ) {
        head.field("Stream-Next-Offset: ", next)
        if isEnd { head.field("Stream-Up-To-Date: ", "true") }
        if isClosed { head.field("Stream-Closed: ", "true") }
        if let cursor { head.field("Stream-Cursor: ", cursor) }
        if let tag { head.field("ETag: ", text: tag) }
    }
}

/// `ETag` of catch-up reads and files, and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2).
enum EntityTag {
    /// Identifies the events between two positions. The compressed form has a tag of its own.
    ///
    /// - Parameters:
    ///   - isClosed: whether the channel is closed, and no more events follow.
    ///   - part: where more events follow, the last whose changes are in the texts: later ones may have replaced or
    ///     deleted some. Where none follow, every change moves the end.
    static func tag(from start: Position, to end: Position, isClosed: Bool, part: Int64?, isGzip: Bool) -> String {
        let state = part.map { "-part\($0)" } ?? (isClosed ? "-closed" : "")
        return "\"\(start.text)-\(end.text)\(state)\(isGzip ? "-gzip" : "")\""
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
