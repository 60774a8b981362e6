import JSON

/// The answer to a request: a head and a body, made for one client or for many alike.
extension Connection {
    /// Answers the request and ends the exchange.
    ///
    /// - Parameters:
    ///   - type: the `Content-Type`; nil for an answer without content.
    ///   - fields: adds further fields.
    func respond(
        _ status: HTTPStatus, type: StaticString?, body: [UInt8], caching: Caching = .none,
        fields: (inout ResponseHead) -> Void = { _ in }
    ) {
        guard state == .handling else { return }
        if pool.isDraining || isSpare { keepAlive = false }
        pendingResponse = nil
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
        _ status: HTTPStatus, type: StaticString, body: [UInt8], cache: AnswerCache, variant: Int64,
        fields: (inout ResponseHead) -> Void
    ) {
        guard state == .handling else { return }
        if pool.isDraining || isSpare { keepAlive = false }
        let now = pool.unixSeconds
        let key = AnswerCache.Key(
            second: now, origin: origin, keepAlive: keepAlive, isHTTP10: isHTTP10, variant: variant)
        guard !isHeadRequest, let bytes = cache.bytes(for: key) else {
            respond(status, type: type, body: body, fields: fields)
            if state != .closed, !isHeadRequest { cache.keep(pool.head.bytes, for: key) }
            return
        }
        pendingResponse = nil
        state = .writing
        pool.metrics.answered(status)
        write(bytes, body.count <= Self.copiedBody ? [] : body)
    }

    /// Answers with a refusal in JSON.
    func refuse(_ error: HTTPError) {
        if let limit = error.limit { pool.metrics.reached(limit) }
        var body: [UInt8] = []
        body.append("{\"error\":")
        JSON.string(error.message).write(into: &body)
        body.append("}\n")
        respond(error.status, type: "application/json", body: body) { head in
            if let allow = error.allow { head.field("Allow: ", allow.allow) }
            if let seconds = error.retryAfter { head.field("Retry-After: ", Int64(seconds)) }
            if let challenge = error.challenge { head.field("WWW-Authenticate: ", text: challenge) }
        }
    }

    /// Makes the answer the last of its connection.
    func closeAfterAnswer() {
        keepAlive = false
    }
}

/// An answer without an end, written piece by piece.
extension Connection {
    /// Begins an answer without an end; the connection closes after it.
    ///
    /// - Parameter start: its first bytes.
    func beginStream(type: StaticString, start: [UInt8], fields: (inout ResponseHead) -> Void = { _ in }) {
        guard state == .handling else { return }
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
        guard state == .handling, isStreaming else { return }
        write(bytes, [])
    }

    /// Whether all that was written of a stream is sent.
    var isDrained: Bool { output == nil }

    /// Ends a stream after what was written.
    func endStream() {
        guard state == .handling, isStreaming else { return }
        pendingResponse = nil
        isStreaming = false
        state = .writing
        if output == nil { outputSent() }
    }
}
