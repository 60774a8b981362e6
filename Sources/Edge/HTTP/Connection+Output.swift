import Events
import Glibc

/// Output: sent at once as far as the socket takes it. The rest is sent when the socket is writable, within limits of
/// time and memory.
extension Connection {
    /// Sends head and body, and keeps what the socket does not take.
    func write(_ head: [UInt8], _ body: [UInt8]) {
        guard let count = Socket.send(descriptor, head, body) else { return close() }
        // A stream checks for itself whether it may write more.
        if count == head.count + body.count { return isStreaming ? () : outputSent() }
        pool.metrics.writesDelayed += 1
        let output = Output(
            head: head, body: body, sent: count, deadline: Clock.coarseMilliseconds() + pool.limits.answerTimeout)
        self.output = output
        hasDeadline = true
        event?.watch(isReadingPaused ? .write : [.read, .write])
        awaitProgress(output)
        // Keep this last: it may close this connection.
        pool.block(self, output)
    }

    /// Called when the socket is writable.
    func flush() {
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

    /// Sets the deadline for the next progress, at most the deadline for the whole answer.
    private func awaitProgress(_ output: Output) {
        pool.schedule(self, at: min(Clock.coarseMilliseconds() + pool.limits.writeTimeout, output.deadline))
    }

    /// Drops the pending output, sent or not.
    func dropOutput() {
        guard output != nil else { return }
        output = nil
        pool.unblock(self)
    }

    /// The reader made no progress for too long, or did not receive the whole answer in time.
    func outputTimedOut() {
        pool.metrics.timeouts += 1
        if let output, output.deadline <= Clock.monotonicMilliseconds() {
            pool.metrics.answersOverdue += 1
            pool.metrics.reached(.answerTimeout)
        } else {
            pool.metrics.reached(state == .lingering ? .lingerTimeout : .writeTimeout)
        }
        close()
    }

    /// Called when everything written has been sent.
    func outputSent() {
        if isStreaming {
            pendingResponse?.outputDrained()
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

    /// Called when the last answer has been sent.
    private func finish() {
        guard mustLinger || inbound != nil else { return close() }
        inbound = nil
        state = .lingering
        shutdown(descriptor, Int32(SHUT_WR))
        event?.watch(.read)
        pool.schedule(self, in: pool.limits.lingerTimeout)
    }
}

/// The unsent rest of an answer. The body is shared with other answers and never copied.
final class Output {
    /// The unsent rest of the head.
    private(set) var head: [UInt8]
    let body: [UInt8]
    /// How many bytes of the body were sent.
    private(set) var sent: Int
    /// When everything must be sent, on the monotonic clock.
    let deadline: Int64

    /// - Parameter count: the bytes of head and body that were sent already.
    init(head: [UInt8], body: [UInt8], sent count: Int, deadline: Int64) {
        self.head = Array(head.dropFirst(count))
        self.body = body
        sent = max(0, count - head.count)
        self.deadline = deadline
    }

    var isSent: Bool { head.isEmpty && sent == body.count }

    /// Records that more bytes were sent.
    func advance(_ count: Int) {
        let fromHead = min(count, head.count)
        if fromHead > 0 { head.removeFirst(fromHead) }
        sent += count - fromHead
    }

    /// Equal for all answers that share a body, as long as one of them exists.
    var bodyID: Int { body.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) } }
}
