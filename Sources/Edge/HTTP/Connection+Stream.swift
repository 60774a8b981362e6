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
