import Events
import Glibc

/// One client's connection: reads requests, one after the other, and writes their answers in order.
///
/// The next request is looked at when the last one is answered. An idle or held connection owns no buffer: input goes
/// through one buffer of the pool, output through another, and only what is left over is kept here.
///
/// Connection, event, exchange and pool hold each other; ``close()`` is what parts them, and the pool sees to it that
/// every connection is closed.
///
/// This file is what a connection is and how it lives and ends. Bytes come in by Connection+Input, become a request in
/// Connection+Request, are answered by Connection+Answer or Connection+Stream, and go out by Connection+Output.
final class Connection {
    enum State: UInt8 {
        /// Between two requests.
        case idle
        /// Part of a head is there.
        case head
        /// Part of a body is there.
        case body
        /// A handler has the request.
        case handling
        /// The answer is complete and not all sent.
        case writing
        /// The last answer is sent; what the client still sends is thrown away, so that the answer is not lost.
        case lingering
        case closed
    }

    // Only the files of this type change any of it.

    let descriptor: Int32
    /// One more than are served: it is told so.
    let isSpare: Bool
    let pool: ConnectionPool
    var event: FileEvent?
    var inbound: Inbound?
    var pendingResponse: (any PendingResponse)?
    var output: Output?
    var state = State.idle
    var keepAlive = true
    var isHTTP10 = false
    var isHeadRequest = false
    /// The exchange writes an answer without an end.
    var isStreaming = false
    /// Input is being looked at further up the stack.
    var isAdvancing = false
    /// After a refusal, input that nobody wants may be on its way.
    var mustLinger = false
    var isReadingPaused = false
    /// The exchange has set a deadline.
    var hasHold = false
    /// No request was read yet.
    var isNew = true
    /// A proxy speaks for a client.
    let isProxied: Bool
    /// The proxy's header, which comes before the first request, is awaited.
    var awaitsProxyHeader = false
    /// The client has too many connections, or through a proxy too many requests under way: it is told so.
    var isOneTooMany: Bool
    /// Whose scripts may read the answer.
    var origin: OriginMatch

    /// Up to this size it is cheaper to copy a body behind its head than to send two pieces.
    static let copiedBody = 4096
    /// Requests that arrived at once and are answered before the loop has its turn.
    static let requestsAtOnce = 32
    /// How long one that has only just connected has for its first request when the process ends.
    private static let lastChance: Int64 = 1000

    init(
        descriptor: Int32, isSpare: Bool, isProxied: Bool, isOneTooMany: Bool = false, pool: ConnectionPool,
        loop: EventLoop
    ) {
        self.isOneTooMany = isOneTooMany
        self.descriptor = descriptor
        self.isProxied = isProxied
        awaitsProxyHeader = isProxied && pool.proxies.speaksProxyProtocol
        self.isSpare = isSpare
        self.pool = pool
        origin = pool.head.unknownOrigin
        event = FileEvent(on: loop, descriptor: descriptor) { self.ready($0) }
        event?.watch(.read)
        pool.schedule(self, in: pool.limits.headerTimeout)
    }

    // MARK: For handlers

    /// Whether the client asked for the head only.
    var wantsHeadOnly: Bool { isHeadRequest }

    /// Keeps the request until the exchange answers. Set a deadline with ``hold(until:)``.
    func begin(_ pendingResponse: any PendingResponse) {
        self.pendingResponse = pendingResponse
    }

    /// Sets the time at which the exchange is told to answer, on the monotonic clock.
    func hold(until deadline: Int64) {
        // A closed one's descriptor may be another's already.
        guard state == .handling else { return }
        hasHold = true
        pool.schedule(self, at: min(deadline, pool.endOfHolds))
    }

    /// Whether the answer under way is to be the last: the server is shutting down.
    var isEnding: Bool { pool.isDraining }

    // MARK: For the pool

    /// The connection's deadline has passed.
    func deadlinePassed() {
        switch state {
        case .idle:
            pool.metrics.reached(isNew ? .headerTimeout : .idleTimeout)
            close()
        case .writing, .lingering: outputTimedOut()
        case .head, .body:
            pool.metrics.timeouts += 1
            pool.metrics.reached(state == .head ? .headerTimeout : .bodyTimeout)
            refuseInput(HTTPError(.requestTimeout, "the request did not arrive in time"))
        case .handling:
            // A stream whose reader takes nothing.
            if output != nil { return outputTimedOut() }
            pendingResponse?.deadlinePassed()
        case .closed: break
        }
    }

    /// The process is to end. True when the connection is held and can be answered at any time.
    func drain() -> Bool {
        switch state {
        case .idle:
            // What has arrived is answered; one that has only just connected is about to ask.
            receive()
            if state == .idle {
                if isNew { pool.schedule(self, in: Self.lastChance) } else { close() }
            }
            return state == .handling && pendingResponse?.isHold ?? false
        case .handling: return pendingResponse?.isHold ?? false
        default: break
        }
        return false
    }

    /// Ends the connection at once.
    func close() {
        guard state != .closed else { return }
        if state == .handling { pool.metrics.clientsGone += 1 }
        state = .closed
        let pendingResponse = self.pendingResponse
        self.pendingResponse = nil
        event?.cancel()
        event = nil
        inbound = nil
        dropOutput()
        pool.remove(self)
        Glibc.close(descriptor)
        pendingResponse?.clientLeft()
    }
}

/// A request that is being answered: held by its connection until the answer is given.
protocol PendingResponse: AnyObject {
    /// Whether it waits for news that may not come: what a shutdown may end early.
    var isHold: Bool { get }

    /// The client has gone, or the connection was ended. Nothing can be answered any more.
    func clientLeft()

    /// The time given to ``Connection/hold(until:)`` has come. Answer now.
    func deadlinePassed()

    /// What was written of a stream has been sent; there is room for more.
    func outputDrained()
}

extension PendingResponse {
    func outputDrained() {}
}

/// Answers requests.
protocol RequestHandler: AnyObject {
    /// Understands a head whose ranges count in `bytes`.
    func read(_ head: RequestHead, of bytes: Span<UInt8>) throws(HTTPError) -> Request

    /// What the origin of a request is to the server, for the fields of its answer.
    func origin(_ head: RequestHead, of bytes: Span<UInt8>) -> OriginMatch

    /// The largest body that a request may have.
    func bodyLimit(of request: Request) -> Int

    /// Answers a request: calls ``Connection/respond(_:type:body:fields:)`` before it returns, or
    /// ``Connection/begin(_:)`` and answers later.
    func handle(_ request: Request, body: [UInt8], on connection: Connection)
}
