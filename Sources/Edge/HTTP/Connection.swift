import Events
import Glibc

/// One client's connection: reads requests, one after the other, and writes their answers in order.
///
/// The next request is looked at when the last one is answered. An idle or held connection owns no buffer: input goes
/// through one buffer of the pool, output through another, and only what is left over is kept here.
///
/// Connection, event, exchange and pool hold each other; ``close()`` is what parts them, and the pool sees to it that
/// every connection is closed.
final class Connection {
    private enum State: UInt8 {
        /// Between two requests.
        case idle
        /// Part of a head is there.
        case head
        /// Part of a body is there.
        case body
        /// A handler has the request.
        case exchange
        /// The answer is complete and not all sent.
        case writing
        /// The last answer is sent; what the client still sends is thrown away, so that the answer is not lost.
        case lingering
        case closed
    }

    let descriptor: Int32
    /// One more than are served: it is told so.
    let isSpare: Bool
    private let pool: ConnectionPool
    private var event: FileEvent?
    private var inbound: Inbound?
    private var exchange: (any Exchange)?
    private var output: Output?
    private var state = State.idle
    private var keepAlive = true
    private var isHTTP10 = false
    private var isHeadRequest = false
    /// The exchange writes an answer without an end.
    private var isStreaming = false
    /// Input is being looked at further up the stack.
    private var isAdvancing = false
    /// After a refusal, input that nobody wants may be on its way.
    private var mustLinger = false
    private var isReadingPaused = false
    /// The exchange has set a deadline.
    private var hasHold = false
    /// No request was read yet.
    private var isNew = true
    /// A proxy speaks for a client.
    let isProxied: Bool
    /// The proxy's header, which comes before the first request, is awaited.
    private var awaitsProxyHeader = false
    /// The client has too many connections, or through a proxy too many requests under way: it is told so.
    private(set) var isOneTooMany: Bool
    /// Whose scripts may read the answer.
    private var origin: OriginMatch

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
    func begin(_ exchange: any Exchange) {
        self.exchange = exchange
    }

    /// Sets the time at which the exchange is told to answer, on the monotonic clock.
    func hold(until deadline: Int64) {
        // A closed one's descriptor may be another's already.
        guard state == .exchange else { return }
        hasHold = true
        pool.schedule(self, at: min(deadline, pool.endOfHolds))
    }

    /// Whether the answer under way is to be the last: the server is shutting down.
    var isEnding: Bool { pool.isDraining }

    /// Answers the request and ends the exchange.
    ///
    /// - Parameters:
    ///   - type: the `Content-Type`; nil for an answer without content.
    ///   - fields: adds further fields.
    func respond(
        _ status: HTTPStatus, type: StaticString?, body: [UInt8], caching: Caching = .none,
        fields: (inout ResponseHead) -> Void = { _ in }
    ) {
        guard state == .exchange else { return }
        if pool.isDraining || isSpare { keepAlive = false }
        exchange = nil
        state = .writing
        pool.metrics.answered(status)
        pool.head.begin(status, now: pool.unixSeconds, caching: caching, origin: origin)
        if let type { pool.head.field("Content-Type: ", type) }
        fields(&pool.head)
        // Of what is true only now, nobody knows the length that GET would find (RFC 9110, 8.6).
        let isUnknown = status.isBodiless || isHeadRequest && caching == .none
        pool.head.end(length: isUnknown ? nil : body.count, keepAlive: keepAlive, isHTTP10: isHTTP10)
        if isHeadRequest || status.isBodiless {
            write(pool.head.bytes, [])
        } else if body.count <= Self.copiedBody {
            pool.head.append(body)
            write(pool.head.bytes, [])
        } else {
            write(pool.head.bytes, body)
        }
    }

    /// Answers with what others get alike: made for the first of them.
    ///
    /// - Parameters:
    ///   - memo: of the body and all that `fields` adds, but for what `variant` tells apart.
    func respond(
        _ status: HTTPStatus, type: StaticString, body: [UInt8], memo: AnswerMemo, variant: Int64,
        fields: (inout ResponseHead) -> Void
    ) {
        guard state == .exchange else { return }
        if pool.isDraining || isSpare { keepAlive = false }
        let now = pool.unixSeconds
        let key = AnswerMemo.Key(
            second: now, origin: origin, keepAlive: keepAlive, isHTTP10: isHTTP10, variant: variant)
        guard !isHeadRequest, let bytes = memo.bytes(for: key) else {
            respond(status, type: type, body: body, fields: fields)
            if state != .closed, !isHeadRequest { memo.keep(pool.head.bytes, for: key) }
            return
        }
        exchange = nil
        state = .writing
        pool.metrics.answered(status)
        write(bytes, body.count <= Self.copiedBody ? [] : body)
    }

    /// Answers with a refusal in JSON.
    func refuse(_ refusal: Refusal) {
        var body: [UInt8] = []
        body.append("{\"error\":")
        body.appendJSONString(refusal.message)
        body.append("}\n")
        respond(refusal.status, type: "application/json", body: body) { head in
            if let allow = refusal.allow { head.field("Allow: ", allow.allow) }
            if let seconds = refusal.retryAfter { head.field("Retry-After: ", Int64(seconds)) }
            if let challenge = refusal.challenge { head.field("WWW-Authenticate: ", text: challenge) }
        }
    }

    /// Makes the answer the last of its connection.
    func closeAfterAnswer() {
        keepAlive = false
    }

    /// Begins an answer without an end; the connection closes after it.
    ///
    /// - Parameter start: its first bytes.
    func beginStream(type: StaticString, start: [UInt8], fields: (inout ResponseHead) -> Void = { _ in }) {
        guard state == .exchange else { return }
        keepAlive = false
        isStreaming = true
        pool.metrics.answered(.ok)
        pool.head.begin(.ok, now: pool.unixSeconds, caching: .noneUntouched, origin: origin)
        pool.head.field("Content-Type: ", type)
        fields(&pool.head)
        pool.head.end(length: nil, keepAlive: false, isHTTP10: isHTTP10)
        pool.head.append(start)
        write(pool.head.bytes, [])
    }

    /// Writes a piece of a stream. Only when ``isDrained``.
    func stream(_ bytes: [UInt8]) {
        guard state == .exchange, isStreaming else { return }
        write(bytes, [])
    }

    /// Whether all that was written of a stream is sent.
    var isDrained: Bool { output == nil }

    /// Ends a stream after what was written.
    func endStream() {
        guard state == .exchange, isStreaming else { return }
        exchange = nil
        isStreaming = false
        state = .writing
        if output == nil { outputSent() }
    }

    // MARK: For the pool

    /// The connection's deadline has passed.
    func deadlinePassed() {
        switch state {
        case .idle: close()
        case .writing, .lingering: outputTimedOut()
        case .head, .body:
            pool.metrics.timeouts += 1
            refuseInput(Refusal(.requestTimeout, "the request did not arrive in time"))
        case .exchange:
            // A stream whose reader takes nothing.
            if output != nil { return outputTimedOut() }
            exchange?.deadlinePassed()
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
            return state == .exchange && exchange?.isHold ?? false
        case .exchange: return exchange?.isHold ?? false
        default: break
        }
        return false
    }

    /// Ends the connection at once.
    func close() {
        guard state != .closed else { return }
        if state == .exchange { pool.metrics.clientsGone += 1 }
        state = .closed
        let exchange = self.exchange
        self.exchange = nil
        event?.cancel()
        event = nil
        inbound = nil
        dropOutput()
        pool.remove(self)
        Glibc.close(descriptor)
        exchange?.clientLeft()
    }

    // MARK: Input

    private func ready(_ readiness: FileEvent.Readiness) {
        if readiness.contains(.write) { flush() }
        if readiness.contains(.read), state != .closed { receive() }
    }

    private func receive() {
        switch Socket.receive(descriptor, into: &pool.inbox) {
        case .nothing: break
        case .failed: close()
        case .ended: inputEnded()
        case .bytes(let count): received(count)
        }
    }

    /// The client sends nothing more. While it is held that means it has gone; while it waits for an answer that is certain
    /// to come, or takes one, it may take it all.
    private func inputEnded() {
        switch state {
        case .writing: break
        case .exchange where exchange?.isHold == false: break
        default: return close()
        }
        // What it has asked for already is answered as well: the end is found again after that.
        if inbound == nil { keepAlive = false }
        mustLinger = false
        isReadingPaused = true
        event?.watch(output == nil ? [] : .write)
    }

    private func received(_ count: Int) {
        switch state {
        case .idle where awaitsProxyHeader:
            keep(count)
            if readProxyHeader() { advance() }
            boundInput()
        case .idle where inbound == nil: receivedRequest(count)
        case .idle, .head, .body:
            keep(count)
            advance()
            boundInput()
        case .exchange, .writing:
            keep(count)
            boundInput()
            if let inbound, inbound.unread >= pool.limits.pipelineBytes {
                isReadingPaused = true
                event?.watch(output == nil ? [] : .write)
            }
        case .lingering, .closed: break
        }
    }

    /// The usual case: one whole request, read where it lies.
    private func receivedRequest(_ count: Int) {
        var parser = RequestParser(limits: pool.limits)
        // Shared, not copied: nothing is received before this returns.
        let inbox = pool.inbox
        let input = inbox.span.extracting(0..<count)
        guard case .complete(let head) = parser.parse(input), head.length == count, head.framing == .none else {
            keep(count)
            advance()
            return boundInput()
        }
        adopt(head, of: input)
        do throws(Refusal) {
            dispatch(try pool.handler.read(head, of: input), body: [])
        } catch {
            dispatch(error)
        }
    }

    static let oneTooMany = Refusal(
        .tooManyRequests, "too many connections of your address; close some, or come later", retryAfter: 5)

    /// True when the header is complete and a request may follow.
    private func readProxyHeader() -> Bool {
        guard let inbound else { return false }
        // Nothing was read before it.
        switch ProxyHeader.parse(inbound.bytes) {
        case .needsMore: return false
        case .malformed:
            pool.metrics.proxyHeadersMalformed += 1
            close()
            return false
        case .complete(let length, let client):
            awaitsProxyHeader = false
            inbound.skip(length)
            isOneTooMany = !pool.count(self, for: client)
            return true
        }
    }

    /// Keeps what was received.
    private func keep(_ count: Int) {
        let inbound = self.inbound ?? Inbound(limits: pool.limits, ledger: pool.ledger)
        self.inbound = inbound
        inbound.append(pool.inbox.prefix(count))
    }

    static let flooded = Refusal(
        .serviceUnavailable, "too much that others send is waiting here; send it again later", retryAfter: 2)

    /// Refuses what is kept when too much of others is: a request that waits for its rest is answered so; what comes behind
    /// a request that is being answered is not looked at, and the connection ends after that answer. A request that came
    /// whole is out of it by now.
    private func boundInput() {
        guard let inbound else { return }
        if !pool.ledger.allowsInput(of: inbound.charged, own: inbound.charged) {
            switch state {
            case .idle, .head, .body: refuseFlood()
            case .exchange, .writing:
                pool.metrics.inputsRefused += 1
                keepAlive = false
                mustLinger = true
                isReadingPaused = true
                self.inbound = nil
                event?.watch(output == nil ? [] : .write)
            case .lingering, .closed: break
            }
        }
        // Last: it may be this connection that is closed.
        pool.relieve()
    }

    private func refuseFlood() {
        pool.metrics.inputsRefused += 1
        refuseInput(Self.flooded)
    }

    /// Looks at the kept input until a request is under way or more is needed.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        var answered = 0
        while let inbound {
            if inbound.isEmpty {
                self.inbound = nil
                break
            }
            if state == .idle {
                if answered == Self.requestsAtOnce { return postpone() }
                answered += 1
            }
            switch state {
            case .idle, .head: guard readHead(inbound) else { return }
            case .body: guard readBody(inbound) else { return }
            default: return
            }
        }
    }

    /// Lets the loop have its turn before the next request; nothing more is received meanwhile.
    private func postpone() {
        isReadingPaused = true
        event?.watch([])
        pool.postpone(self)
    }

    /// The loop had its turn.
    func goOn() {
        guard state == .idle, isReadingPaused else { return }
        isReadingPaused = false
        event?.watch(.read)
        advance()
    }

    /// True when there may be more to do.
    private func readHead(_ inbound: Inbound) -> Bool {
        let bytes = inbound.bytes
        let input = bytes.span.extracting(inbound.start..<bytes.count)
        switch inbound.parser.parse(input) {
        case .needsMore:
            if state == .idle {
                state = .head
                pool.schedule(self, in: pool.limits.headerTimeout)
            }
            return false
        case .refused(let refusal):
            refuseInput(refusal)
            return false
        case .complete(let head):
            adopt(head, of: input)
            if isOneTooMany, head.framing != .none {
                refuseInput(Self.oneTooMany)
                return false
            }
            let request: Result<Request, Refusal>
            do throws(Refusal) {
                request = .success(try pool.handler.read(head, of: input))
            } catch {
                request = .failure(error)
            }
            inbound.skip(head.length)
            inbound.parser = RequestParser(limits: pool.limits)
            return begin(request, head, inbound)
        }
    }

    private func adopt(_ head: RequestHead, of bytes: Span<UInt8>) {
        isNew = false
        if isProxied, !pool.proxies.speaksProxyProtocol {
            let client = pool.proxies.client(in: head, of: bytes)
            isOneTooMany = !pool.count(self, for: client)
        }
        origin = pool.handler.origin(head, of: bytes)
        keepAlive = head.keepAlive && !isOneTooMany
        isHTTP10 = head.minorVersion == 0
        isHeadRequest = head.method == .head
    }

    /// A head is read: answer, or read the body first.
    private func begin(_ result: Result<Request, Refusal>, _ head: RequestHead, _ inbound: Inbound) -> Bool {
        switch (result, head.framing) {
        case (.failure(let refusal), .none): dispatch(refusal)
        case (.failure(let refusal), _):
            refuseInput(refusal)
            return false
        case (.success(let request), .none): dispatch(request, body: [])
        case (.success(let request), .length(let length)):
            let limit = pool.handler.bodyLimit(of: request)
            if length > limit {
                refuseInput(Refusal(.contentTooLarge, "the body is larger than \(limit) bytes; send it in parts"))
                return false
            }
            if length > inbound.unread, !pool.ledger.allowsInput(of: length, own: inbound.charged) {
                refuseFlood()
                return false
            }
            inbound.missing = length
            expectBody(of: request, head, inbound)
        case (.success(let request), .chunked):
            inbound.decoder = ChunkedDecoder(limit: pool.handler.bodyLimit(of: request))
            expectBody(of: request, head, inbound)
        }
        return true
    }

    private func expectBody(of request: Request, _ head: RequestHead, _ inbound: Inbound) {
        inbound.request = request
        state = .body
        pool.schedule(self, in: pool.limits.bodyTimeout)
        if head.expectsContinue, inbound.unread == 0 {
            // Fits any socket's buffer: nothing else is in it.
            _ = Socket.send(descriptor, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), [])
        }
    }

    /// True when there may be more to do.
    private func readBody(_ inbound: Inbound) -> Bool {
        switch inbound.readBody() {
        case .needsMore: return false
        case .refused(let refusal):
            refuseInput(refusal)
            return false
        case .complete:
            guard let request = inbound.request else { return false }
            dispatch(request, body: inbound.takeBody())
            return true
        }
    }

    private func dispatch(_ request: Request, body: [UInt8]) {
        state = .exchange
        hasHold = false
        pool.handler.handle(request, body: body, on: self)
        // The deadline of the request is no deadline of the answer.
        if state == .exchange, !hasHold { pool.unschedule(self) }
    }

    private func dispatch(_ refusal: Refusal) {
        state = .exchange
        refuse(refusal)
    }

    /// Answers input that cannot be read on: the connection ends after it.
    private func refuseInput(_ refusal: Refusal) {
        keepAlive = false
        mustLinger = true
        inbound = nil
        dispatch(refusal)
    }

    // MARK: Output

    private func write(_ head: [UInt8], _ body: [UInt8]) {
        guard let count = Socket.send(descriptor, head, body) else { return close() }
        // A stream looks by itself whether there is room for more.
        if count == head.count + body.count { return isStreaming ? () : outputSent() }
        pool.metrics.writesDelayed += 1
        let output = Output(
            head: head, body: body, sent: count, deadline: Clock.coarseMilliseconds() + pool.limits.answerTimeout)
        self.output = output
        hasHold = true
        event?.watch(isReadingPaused ? .write : [.read, .write])
        awaitProgress(output)
        // Last: it may be this connection that is closed.
        pool.block(self, output)
    }

    private func flush() {
        guard let output else { return }
        guard let count = Socket.send(descriptor, output.head, output.body, from: output.sent) else { return close() }
        output.advance(count)
        if output.isSent {
            dropOutput()
            event?.watch(isReadingPaused ? [] : .read)
            outputSent()
        } else if count > 0 {
            awaitProgress(output)
        }
    }

    /// Gives the reader time to take something, as long as it has time to take all.
    private func awaitProgress(_ output: Output) {
        pool.schedule(self, at: min(Clock.coarseMilliseconds() + pool.limits.writeTimeout, output.deadline))
    }

    private func dropOutput() {
        guard output != nil else { return }
        output = nil
        pool.unblock(self)
    }

    /// The reader has taken nothing for too long, or not all in time.
    private func outputTimedOut() {
        pool.metrics.timeouts += 1
        if let output, output.deadline <= Clock.monotonicMilliseconds() { pool.metrics.answersOverdue += 1 }
        close()
    }

    /// All that was written is sent.
    private func outputSent() {
        if isStreaming {
            exchange?.outputDrained()
            return
        }
        guard state == .writing else { return }
        guard keepAlive else { return finish() }
        state = .idle
        isHeadRequest = false
        isHTTP10 = false
        origin = pool.head.unknownOrigin
        isReadingPaused = false
        event?.watch(.read)
        if inbound != nil { advance() }
        if state == .idle { pool.schedule(self, in: pool.limits.idleTimeout) }
    }

    /// The last answer is sent.
    private func finish() {
        guard mustLinger || inbound != nil else { return close() }
        inbound = nil
        state = .lingering
        shutdown(descriptor, Int32(SHUT_WR))
        event?.watch(.read)
        pool.schedule(self, in: pool.limits.lingerTimeout)
    }
}
