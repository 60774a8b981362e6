import Events

/// `GET /v1/poll`: a long poll of many channels.
///
/// Answered when every channel's position is known and at least one has news, or at the end of the hold. The answer
/// lists every requested channel with its next offset.
final class MultiPoll: PendingResponse, MultiSubscriber {
    let services: EdgeServices
    var subscriptions: [Subscription] = []
    var lost: Set<ObjectIdentifier> = []
    var older: [ObjectIdentifier: Ring] = [:]
    private let connection: Connection
    private let takesGzip: Bool
    private let expires: Int64?
    private(set) var isHold = false

    init(on connection: Connection, services: EdgeServices, request: Request) {
        self.connection = connection
        self.services = services
        takesGzip = request.takesGzip
        expires = request.expires
    }

    /// Starts to answer.
    func start(_ query: Request.PollQuery) throws(HTTPError) {
        try open(query.items)
        connection.begin(self)
        let mustQueue = subscriptions.contains { services.hub.queueUp($0, lookup: services.hub.lookUp($0)) }
        if mustQueue { waitForMore() } else { evaluate() }
        guard !subscriptions.isEmpty else { return }
        isHold = true
        services.metrics.held += 1
        connection.hold(until: services.endOfHold(seconds: query.timeout, expires: expires))
    }

    func wake(_ subscription: Subscription, ring: Ring) {
        note(subscription, ring: ring)
        evaluate()
    }

    func clientLeft() {
        end()
    }

    func deadlinePassed() {
        guard !subscriptions.isEmpty else { return }
        for subscription in subscriptions { services.hub.dequeue(subscription) }
        let shares = lookUp().compactMap { $0 }
        if shares.count == subscriptions.count { return answer(shares) }
        let error = services.unknownChannel
        end()
        connection.refuse(error)
    }

    private func evaluate() {
        guard !subscriptions.isEmpty else { return }
        let shares = lookUp().compactMap { $0 }
        if shares.count == subscriptions.count {
            // HEAD has nothing to wait for.
            let hasNews = connection.wantsHeadOnly || shares.contains { $0.hasNews || $0.isReset }
            if hasNews { return answer(shares) }
        }
        waitForMore()
    }

    private func answer(_ shares: [ChannelShare]) {
        let pause = services.pause(on: connection)
        let answer = ChannelsAnswer(shares, limit: services.limits.answerBytes, wait: pause)
        services.metrics.eventsDelivered += answer.events
        if answer.isCut { services.metrics.reached(.answerBytes) }
        // A reader that pauses must not occupy a connection that others need.
        if pause > 0 { connection.closeAfterAnswer() }
        let isGzip = takesGzip && answer.isLarge
        var body: [UInt8] = []
        if isGzip { body = answer.gzip(by: services.zlib) } else { answer.write(into: &body) }
        end()
        connection.respond(.ok, type: "application/json", body: body) { $0.encoding(isGzip: isGzip) }
    }

    /// Ends the subscriptions. Call it before answering: the response may hold the last reference to this object.
    private func end() {
        leaveAll()
        if isHold { services.metrics.held -= 1 }
        isHold = false
    }
}
