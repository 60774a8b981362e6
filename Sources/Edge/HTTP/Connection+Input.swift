import Events

/// Input: received into the pool's buffer and parsed there if a request is complete; otherwise buffered, within limits,
/// until its turn.
extension Connection {
    /// Called when the socket is readable or writable.
    func ready(_ readiness: FileEvent.Readiness) {
        if readiness.contains(.write) { flush() }
        if readiness.contains(.read), state != .closed { receive() }
    }

    /// Reads from the socket.
    func receive() {
        switch Socket.receive(descriptor, into: &pool.inbox) {
        case .nothing: break
        case .failed: close()
        case .ended: inputEnded()
        case .bytes(let count): received(count)
        }
    }

    /// The client has closed its sending side. A held request is then abandoned; an answer that is being written, or is
    /// certain to come, is still delivered.
    private func inputEnded() {
        switch state {
        case .writing: break
        case .handling where pendingResponse?.isHold == false: break
        default: return close()
        }
        // Requests that are already buffered are answered as well; the end is detected again after them.
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
        case .handling, .writing:
            keep(count)
            boundInput()
            if let inbound, inbound.unread >= pool.limits.pipelineBytes {
                if !isReadingPaused { pool.metrics.reached(.pipelineBytes) }
                isReadingPaused = true
                event?.watch(output == nil ? [] : .write)
            }
        case .lingering, .closed: break
        }
    }

    /// The common case: one complete request, parsed in the pool's buffer.
    private func receivedRequest(_ count: Int) {
        var parser = RequestParser(limits: pool.limits)
        // Shared, not copied, since nothing is received before this returns.
        let inbox = pool.inbox
        let input = inbox.span.extracting(0..<count)
        guard case .complete(let head) = parser.parse(input), head.length == count, head.framing == .none else {
            keep(count)
            advance()
            return boundInput()
        }
        adopt(head, of: input)
        do throws(HTTPError) {
            dispatch(try pool.handler.read(head, of: input, at: entrance), body: [])
        } catch {
            dispatch(error)
        }
    }

    /// Returns true when the header is complete and a request may follow.
    private func readProxyHeader() -> Bool {
        guard let inbound else { return false }
        // The header comes first, so nothing has been consumed yet.
        switch ProxyHeader.parse(inbound.bytes) {
        case .needsMore: return false
        case .malformed:
            pool.metrics.proxyHeadersMalformed += 1
            close()
            return false
        case .complete(let length, let client):
            awaitsProxyHeader = false
            inbound.skip(length)
            self.client = client
            exceedsAddressLimit = !pool.count(self, for: client)
            return true
        }
    }

    /// Appends the received bytes to the buffered input.
    private func keep(_ count: Int) {
        let inbound = self.inbound ?? Inbound(limits: pool.limits, budget: pool.budget)
        self.inbound = inbound
        inbound.append(pool.inbox.prefix(count))
    }

    /// Enforces the limit on buffered input. An incomplete request is refused; input behind a request that is being
    /// answered is dropped, and the connection closes after that answer. A request that arrived completely has left the
    /// buffer before this.
    private func boundInput() {
        guard let inbound else { return }
        if !pool.budget.allowsInput(of: inbound.charged, own: inbound.charged) {
            switch state {
            case .idle, .head, .body: refuseForMemory()
            case .handling, .writing:
                pool.metrics.inputsRefused += 1
                pool.metrics.reached(.bufferBytes)
                keepAlive = false
                mustLinger = true
                isReadingPaused = true
                self.inbound = nil
                event?.watch(output == nil ? [] : .write)
            case .lingering, .closed: break
            }
        }
        // Keep this last: it may close this connection.
        pool.relieve()
    }

    /// Parses the buffered input until a request is being handled or more input is needed.
    func advance() {
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

    /// Continues with the next request in the next turn of the loop; nothing is received until then.
    private func postpone() {
        isReadingPaused = true
        event?.watch([])
        pool.postpone(self)
    }

    /// Called in the next turn of the loop.
    func resumeInput() {
        guard state == .idle, isReadingPaused else { return }
        isReadingPaused = false
        event?.watch(.read)
        advance()
    }
}
