import Events

/// `GET /v1/events`: many channels as one stream of server-sent events.
///
/// Each event is what a poll would have answered, limited to the channels with news; its `id` has the reader's position
/// in all channels. The first event lists all channels, as soon as all positions are known. For a slow reader only its
/// positions are kept: the next event is written when the last one has been sent. An `EventSource` gives up after an
/// error, so it gets none that is temporary: a lost position is reported in the stream, and after the end of the stream
/// it reconnects.
final class MultiStream: PendingResponse, MultiSubscriber {
    let services: EdgeServices
    var subscriptions: [Subscription] = []
    var lost: Set<ObjectIdentifier> = []
    var older: [ObjectIdentifier: Ring] = [:]
    private let connection: Connection
    private var schedule: StreamSchedule
    private let check: UInt32
    private let expires: Int64?
    private var hasNamedAll = false

    init(on connection: Connection, services: EdgeServices, query: Request.PollQuery, expires: Int64?) {
        self.connection = connection
        self.services = services
        self.expires = expires
        schedule = StreamSchedule(end: services.endOfStream(expires: expires), heartbeat: services.limits.heartbeat)
        check = StreamEventID.check(of: query.items.lazy.map(\.channel))
    }

    var isHold: Bool { true }

    /// Starts to answer.
    func start(_ query: Request.PollQuery) throws(HTTPError) {
        try open(query.items)
        resume(query.lastEventID)
        services.metrics.held += 1
        connection.begin(self)
        connection.beginEvents(retry: services.streamRetry())
        holdOn()
        proceed()
    }

    func wake(_ subscription: Subscription, ring: Ring) {
        note(subscription, ring: ring)
        proceed()
    }

    func clientLeft() {
        leave()
    }

    func outputDrained() {
        guard !subscriptions.isEmpty else { return }
        holdOn()
        proceed()
    }

    func deadlinePassed() {
        guard !subscriptions.isEmpty else { return }
        switch schedule.sign(now: connection.isEnding ? Int64.max : Clock.monotonicMilliseconds()) {
        case .end: return finish()
        case .comment: connection.stream(Array(":\n\n".utf8))
        case .message: connection.stream(Array("data: {\"channels\":{},\"wait\":0}\n\n".utf8))
        }
        services.metrics.reached(.heartbeat)
        if connection.isDrained { holdOn() }
    }

    /// Resumes after the last event. An id that does not belong to these channels counts as a lost position.
    private func resume(_ lastEventID: String?) {
        guard let lastEventID else { return }
        let places = StreamEventID.parse(lastEventID, check: check, count: subscriptions.count)
        for (index, subscription) in subscriptions.enumerated() {
            if let places {
                subscription.knows(places[index])
            } else {
                services.metrics.positionsLost += 1
                lost.insert(ObjectIdentifier(subscription))
                subscription.offset = .beginning
            }
        }
    }

    /// Writes what there is, then waits for more.
    private func proceed() {
        while !subscriptions.isEmpty, connection.isDrained {
            if schedule.isOver(now: Clock.monotonicMilliseconds()) { return finish() }
            let shares = lookUp()
            let known = shares.compactMap { $0 }
            guard hasNamedAll || known.count == subscriptions.count else { break }
            let told = hasNamedAll ? known.filter { $0.hasNews || $0.isReset } : known
            if told.isEmpty { break }
            tell(told)
        }
        if !subscriptions.isEmpty, connection.isDrained { waitForMore() }
    }

    private func tell(_ shares: [ChannelShare]) {
        let answer = ChannelsAnswer(shares, limit: services.limits.answerBytes, wait: 0)
        for (share, next) in zip(shares, answer.places) {
            share.subscription.knows(next)
            lost.remove(ObjectIdentifier(share.subscription))
            // The rest of an older history is read from there, unless the ring has it by now.
            if services.hub.lookUp(share.subscription) != .older { older[ObjectIdentifier(share.subscription)] = nil }
        }
        services.metrics.eventsDelivered += answer.events
        if answer.isCut { services.metrics.reached(.answerBytes) }
        hasNamedAll = true
        schedule.told()
        var bytes: [UInt8] = []
        bytes.append("id: ")
        StreamEventID.write(subscriptions.lazy.map(\.position), check: check, into: &bytes)
        bytes.append("\ndata: ")
        answer.write(into: &bytes)
        bytes.append("\n\n")
        connection.stream(bytes)
        if connection.isDrained { holdOn() }
    }

    private func holdOn() {
        connection.hold(until: schedule.next(after: Clock.monotonicMilliseconds()))
    }

    /// The stream has reached its time limit.
    private func finish() {
        services.streamEnded(on: connection, expires: expires)
        leave()
        connection.endEvents()
    }

    private func leave() {
        guard !subscriptions.isEmpty else { return }
        leaveAll()
        services.metrics.held -= 1
    }
}
