import JSON

/// Answers to a request: a head and a body.
extension Connection {
    /// Answers the request.
    ///
    /// - Parameters:
    ///   - type: the `Content-Type`; nil for an answer without content.
    ///   - fields: adds more fields.
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
        // Omit Content-Length: a later GET may differ (RFC 9110, 8.6).
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

    /// Answers with bytes that many connections share: written for the first of them and cached.
    ///
    /// - Parameters:
    ///   - cache: belongs to the body and everything that `fields` adds.
    ///   - variant: tells answers apart that share the cache.
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

    /// Answers with an error, as JSON.
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

    /// Closes the connection after its next answer.
    func closeAfterAnswer() {
        keepAlive = false
    }
}

/// Streamed answers, written piece by piece.
extension Connection {
    /// Begins a streamed answer. The connection is closed after it.
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

    /// Writes a piece of a stream. Call it only when ``isDrained``.
    func stream(_ bytes: [UInt8]) {
        guard state == .handling, isStreaming else { return }
        write(bytes, [])
    }

    /// Whether everything written to a stream has been sent.
    var isDrained: Bool { output == nil }

    /// Ends a stream once everything written has been sent.
    func endStream() {
        guard state == .handling, isStreaming else { return }
        pendingResponse = nil
        isStreaming = false
        state = .writing
        if output == nil { outputSent() }
    }
}
