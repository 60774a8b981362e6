/// One request: its head, its body and its handler. Requests that are malformed or exceed a limit are refused here.
extension Connection {
    static let tooManyConnections = HTTPError(
        .tooManyRequests, "too many connections from your address; close some or try again later", retryAfter: 5)

    private static let tooMuchInput = HTTPError(
        .serviceUnavailable, "too much input is waiting on this server; send the request again later", retryAfter: 2)

    /// Parses a head from the buffered input. Returns true when there may be more to do.
    func readHead(_ inbound: Inbound) -> Bool {
        let bytes = inbound.bytes
        let input = bytes.span.extracting(inbound.start..<bytes.count)
        switch inbound.parser.parse(input) {
        case .needsMore:
            if state == .idle {
                state = .head
                pool.schedule(self, in: pool.limits.headerTimeout)
            }
            return false
        case .refused(let error):
            refuseInput(error)
            return false
        case .complete(let head):
            adopt(head, of: input)
            if exceedsAddressLimit, head.framing != .none {
                refuseInput(Self.tooManyConnections)
                return false
            }
            let request: Result<Request, HTTPError>
            do throws(HTTPError) {
                request = .success(try pool.handler.read(head, of: input, at: entrance))
            } catch {
                request = .failure(error)
            }
            inbound.skip(head.length)
            inbound.parser = RequestParser(limits: pool.limits)
            return begin(request, head, inbound)
        }
    }

    /// Takes from a head what determines the form of the answer.
    func adopt(_ head: RequestHead, of bytes: Span<UInt8>) {
        isNew = false
        if isProxied, !pool.proxies.speaksProxyProtocol {
            let client = pool.proxies.client(in: head, of: bytes)
            self.client = client
            exceedsAddressLimit = !pool.count(self, for: client)
        }
        isForwardedUntrusted = !isProxied && !head.forwardedFor.isEmpty
        origin = pool.handler.origin(head, of: bytes, at: entrance)
        keepAlive = head.keepAlive && !exceedsAddressLimit
        isHTTP10 = head.minorVersion == 0
        isHeadRequest = head.method == .head
    }

    /// A head was parsed: answer, or read the body first.
    private func begin(_ result: Result<Request, HTTPError>, _ head: RequestHead, _ inbound: Inbound) -> Bool {
        switch (result, head.framing) {
        case (.failure(let error), .none): dispatch(error)
        case (.failure(let error), _):
            refuseInput(error)
            return false
        case (.success(let request), .none): dispatch(request, body: [])
        case (.success(let request), .length(let length)):
            let limit = pool.handler.bodyLimit(of: request)
            if length > limit {
                refuseInput(
                    HTTPError(
                        .contentTooLarge, "the body is larger than \(limit) bytes; send it in parts",
                        limit: request.bodyLimit))
                return false
            }
            if length > inbound.unread, !pool.budget.allowsInput(of: length, own: inbound.charged) {
                refuseForMemory()
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
            // Fits, since the socket's buffer is empty.
            _ = Socket.send(descriptor, Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), [])
        }
    }

    /// Moves buffered input into the body. Returns true when there may be more to do.
    func readBody(_ inbound: Inbound) -> Bool {
        switch inbound.readBody() {
        case .needsMore: return false
        case .refused(var error):
            if error.status == .contentTooLarge { error.limit = inbound.request?.bodyLimit }
            refuseInput(error)
            return false
        case .complete:
            guard let request = inbound.request else { return false }
            dispatch(request, body: inbound.takeBody())
            return true
        }
    }

    /// Hands the request to its handler, which answers now or later.
    func dispatch(_ request: Request, body: [UInt8]) {
        state = .handling
        hasDeadline = false
        pool.handler.handle(request, body: body, on: self)
        // The deadline for receiving the request does not apply to its answer.
        if state == .handling, !hasDeadline { pool.unschedule(self) }
    }

    /// Answers a well-formed request with an error.
    func dispatch(_ error: HTTPError) {
        state = .handling
        refuse(error)
    }

    /// Answers with an error and closes the connection: the input after it cannot be parsed.
    func refuseInput(_ error: HTTPError) {
        keepAlive = false
        mustLinger = true
        inbound = nil
        dispatch(error)
    }

    /// Refuses a request because too much input is buffered.
    func refuseForMemory() {
        pool.metrics.inputsRefused += 1
        pool.metrics.reached(.bufferBytes)
        refuseInput(Self.tooMuchInput)
    }
}
