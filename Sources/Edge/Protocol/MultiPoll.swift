import Events

/// `GET /v1/poll`: a long-poll on many channels at once.
///
/// Answered when every channel's position is known and at least one has news, or at the end of the hold. The answer names
/// every channel that was asked for, each with its next offset.
final class MultiPoll: Exchange, Watcher {
    /// What a channel has for this poll.
    private struct Share {
        let position: Position
        let ring: Ring
    }

    private let connection: Connection
    private let services: EdgeServices
    private var watches: [Watch] = []
    /// Channels whose reader's position was lost: they begin anew.
    private var lost: [ObjectIdentifier] = []
    /// Histories that were loaded for channels whose ring no longer holds what is asked for.
    private var older: [ObjectIdentifier: Ring] = [:]
    private(set) var isHold = false

    init(on connection: Connection, services: EdgeServices) {
        self.connection = connection
        self.services = services
    }

    /// Begins to answer.
    func start(_ query: Request.PollQuery) throws(Refusal) {
        watches.reserveCapacity(query.items.count)
        for item in query.items {
            do throws(Refusal) {
                watches.append(try services.hub.watch(item.channel, from: item.offset, by: self))
            } catch {
                end()
                throw error
            }
        }
        connection.begin(self)
        evaluate()
        guard !watches.isEmpty else { return }
        isHold = true
        services.metrics.held += 1
        connection.hold(until: services.endOfHold(seconds: query.timeout))
    }

    func wake(_ watch: Watch, ring: Ring) {
        if ring !== watch.channel.ring { older[ObjectIdentifier(watch)] = ring }
        evaluate()
    }

    func clientLeft() {
        end()
    }

    func deadlinePassed() {
        guard !watches.isEmpty else { return }
        for watch in watches { services.hub.settle(watch) }
        if let shares = look()?.shares { return answer(shares) }
        let refusal = services.unknownChannel
        end()
        connection.refuse(refusal)
    }

    private func evaluate() {
        guard !watches.isEmpty else { return }
        if let (shares, hasNews) = look(), hasNews { return answer(shares) }
        for watch in watches where watch.place == .nowhere {
            // To wait can be over at once, and with it this poll.
            guard !watches.isEmpty else { return }
            let standing = services.hub.look(watch)
            // What has news already waits for the others, not for more.
            if older[ObjectIdentifier(watch)] != nil { continue }
            if case .found(_, hasNews: true) = standing { continue }
            services.hub.wait(watch, standing: standing)
        }
    }

    /// Where every channel stands; nil while that is not known of all.
    private func look() -> (shares: [Share], hasNews: Bool)? {
        var shares: [Share] = []
        shares.reserveCapacity(watches.count)
        var hasNews = !lost.isEmpty
        var isComplete = true
        for watch in watches {
            let ring = older[ObjectIdentifier(watch)] ?? watch.channel.ring
            let isOwn = ring === watch.channel.ring
            var standing = services.hub.look(watch, ring: isOwn ? nil : ring)
            if standing == .lost {
                services.metrics.positionsLost += 1
                lost.append(ObjectIdentifier(watch))
                hasNews = true
                watch.offset = .beginning
                standing = services.hub.look(watch, ring: isOwn ? nil : ring)
            }
            if case .found(let position, let news) = standing {
                shares.append(Share(position: position, ring: ring))
                hasNews = hasNews || news
            } else {
                isComplete = false
            }
        }
        return isComplete ? (shares, hasNews) : nil
    }

    /// `{"channels":{"thread:42":{"next":"…","events":[…],"reset":false}},"wait":0}`
    private func answer(_ shares: [Share]) {
        var body: [UInt8] = []
        var room = services.limits.answerBytes
        body.append("{\"channels\":{")
        for (index, share) in shares.enumerated() {
            let watch = watches[index]
            let batch = share.ring.batch(after: share.position.sequence)
            // The first share always goes, so that every answer gets its reader further.
            let fits = batch.body.count <= room || room == services.limits.answerBytes
            if index > 0 { body.append(0x2C) }
            body.appendJSONString(watch.channel.name)
            body.append(":{\"next\":\"")
            (fits ? batch.next : share.position).write(into: &body)
            body.append("\",\"events\":")
            if fits, batch.count > 0 {
                body.append(contentsOf: batch.body)
                room -= batch.body.count
                services.metrics.eventsDelivered += batch.count
            } else {
                body.append("[]")
            }
            body.append(lost.contains(ObjectIdentifier(watch)) ? ",\"reset\":true}" : ",\"reset\":false}")
        }
        body.append("},\"wait\":0}")
        end()
        connection.respond(.ok, type: "application/json", body: body)
    }

    /// Before anything is answered: the answer may be the last that holds this object.
    private func end() {
        for watch in watches { services.hub.leave(watch) }
        watches = []
        if isHold { services.metrics.held -= 1 }
        isHold = false
    }
}
