import Events

/// Bytes that come in: received through the pool's buffer, read where they lie when a request is whole, and otherwise kept,
/// within bounds, until it is its turn.
extension Connection {
    /// The socket can be read from, or written to.
    func ready(_ readiness: FileEvent.Readiness) {
        if readiness.contains(.write) { flush() }
        if readiness.contains(.read), state != .closed { receive() }
    }

    /// Takes what has arrived.
    func receive() {
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
        case .handling where pendingResponse?.isHold == false: break
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
        do throws(HTTPError) {
            dispatch(try pool.handler.read(head, of: input), body: [])
        } catch {
            dispatch(error)
        }
    }

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
        let inbound = self.inbound ?? Inbound(limits: pool.limits, budget: pool.budget)
        self.inbound = inbound
        inbound.append(pool.inbox.prefix(count))
    }

    /// Refuses what is kept when too much of others is: a request that waits for its rest is answered so; what comes behind
    /// a request that is being answered is not looked at, and the connection ends after that answer. A request that came
    /// whole is out of it by now.
    private func boundInput() {
        guard let inbound else { return }
        if !pool.budget.allowsInput(of: inbound.charged, own: inbound.charged) {
            switch state {
            case .idle, .head, .body: refuseFlood()
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
        // Last: it may be this connection that is closed.
        pool.relieve()
    }

    /// Looks at the kept input until a request is under way or more is needed.
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
}
