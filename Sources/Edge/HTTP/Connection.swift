import Events
import Glibc

/// One client's connection: reads requests one after the other and writes their answers in the same order.
///
/// The next request is parsed when the last one has been answered. An idle or held connection owns no buffer: input and
/// output go through buffers of the pool, and only the rest is kept here.
///
/// Connection, event, pending response and pool hold strong references to each other; ``close()`` breaks the cycle, and
/// the pool closes every connection.
///
/// This file has the state and the life cycle. Input is in Connection+Input, requests in Connection+Request, answers in
/// Connection+Answer, output in Connection+Output.
final class Connection {
    enum State: UInt8 {
        /// Between two requests.
        case idle
        /// A head is incomplete.
        case head
        /// A body is incomplete.
        case body
        /// A handler is answering the request.
        case handling
        /// The answer is complete, but not all of it is sent.
        case writing
        /// The last answer is sent. Further input is read and discarded, since closing with unread input would reset
        /// the connection and lose the answer.
        case lingering
        case closed
    }

    // Only the extensions of this type modify these.

    let descriptor: Int32
    /// The connection is beyond the limit: its request is answered with an error.
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
    /// The pending response writes a stream.
    var isStreaming = false
    /// ``advance()`` is running further up the stack.
    var isAdvancing = false
    /// The client may still be sending input that was refused.
    var mustLinger = false
    var isReadingPaused = false
    /// The pending response has set a deadline.
    var hasDeadline = false
    /// No request was parsed yet.
    var isNew = true
    let entrance: Entrance
    /// The peer is a trusted proxy.
    let isProxied: Bool
    /// The PROXY protocol header, which precedes the first request, has not arrived completely.
    var awaitsProxyHeader = false
    /// The client has too many connections, or too many concurrent requests through a proxy: its request is answered
    /// with 429.
    var exceedsAddressLimit: Bool
    /// The client that posts are limited by; nil when it is not known, or is this machine.
    var client: ClientAddress?
    /// The last request names a client in `X-Forwarded-For`, but its sender is not a trusted proxy.
    var isForwardedUntrusted = false
    /// Which scripts may read the answer.
    var origin: OriginMatch

    /// Up to this size, copying a body behind its head is cheaper than sending two pieces.
    static let copiedBody = 4096
    /// How many pipelined requests are answered in one turn of the loop.
    static let requestsAtOnce = 32
    /// How long a new connection may take to send its first request during shutdown, in ms.
    private static let lastChance: Int64 = 1000

    init(
        descriptor: Int32, at entrance: Entrance, isSpare: Bool, isProxied: Bool, client: ClientAddress? = nil,
        exceedsAddressLimit: Bool = false, pool: ConnectionPool, loop: EventLoop
    ) {
        self.entrance = entrance
        self.client = client
        self.exceedsAddressLimit = exceedsAddressLimit
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

    /// Whether this is a HEAD request.
    var wantsHeadOnly: Bool { isHeadRequest }

    /// Keeps a response that is answered later. Set a deadline with ``hold(until:)``.
    func begin(_ pendingResponse: any PendingResponse) {
        self.pendingResponse = pendingResponse
    }

    /// Sets the time of ``PendingResponse/deadlinePassed()``, on the monotonic clock.
    func hold(until deadline: Int64) {
        // The descriptor of a closed connection may already belong to another one.
        guard state == .handling else { return }
        hasDeadline = true
        pool.schedule(self, at: min(deadline, pool.endOfHolds))
    }

    /// Whether the connection closes after this answer because the server is shutting down.
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

    /// The process is shutting down. Returns true when the request is held and may be answered at any time.
    func drain() -> Bool {
        switch state {
        case .idle:
            // Answer a request that has arrived already; a new connection is about to send one.
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

    /// Closes the connection at once.
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

/// A response that is given later. The connection keeps it until then.
protocol PendingResponse: AnyObject {
    /// Whether it waits for events that may never come, so that a shutdown may end it early.
    var isHold: Bool { get }

    /// The client disconnected, or the connection was closed: no answer is possible any more.
    func clientLeft()

    /// The deadline of ``Connection/hold(until:)`` has passed: answer now.
    func deadlinePassed()

    /// Everything written to a stream has been sent; more can be written.
    func outputDrained()
}

extension PendingResponse {
    func outputDrained() {}
}

/// Answers requests.
protocol RequestHandler: AnyObject {
    /// Parses the request of a head whose ranges refer to `bytes`.
    func read(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) throws(HTTPError) -> Request

    /// How the origin of a request relates to the allowed ones, for the fields of its answer.
    func origin(_ head: RequestHead, of bytes: Span<UInt8>, at entrance: Entrance) -> OriginMatch

    /// The largest body that the request may have.
    func bodyLimit(of request: Request) -> Int

    /// Answers a request: either calls ``Connection/respond(_:type:body:fields:)`` before it returns, or calls
    /// ``Connection/begin(_:)`` and answers later.
    func handle(_ request: Request, body: [UInt8], on connection: Connection)
}
