import Events
import Glibc

/// Bytes that go out: at once where the socket takes them, and otherwise when it does, as long as there is time and memory.
extension Connection {
    /// Sends head and body, and keeps what the socket does not take.
    func write(_ head: [UInt8], _ body: [UInt8]) {
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

    /// The socket takes more.
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

    /// Gives the reader time to take something, as long as it has time to take all.
    private func awaitProgress(_ output: Output) {
        pool.schedule(self, at: min(Clock.coarseMilliseconds() + pool.limits.writeTimeout, output.deadline))
    }

    /// Nothing is left to be sent, or nothing will be.
    func dropOutput() {
        guard output != nil else { return }
        output = nil
        pool.unblock(self)
    }

    /// The reader has taken nothing for too long, or not all in time.
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

    /// All that was written is sent.
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

/// What is left to be sent of an answer that a socket did not take at once. The body is shared with other answers, never
/// copied.
final class Output {
    /// What is left of the head.
    private(set) var head: [UInt8]
    let body: [UInt8]
    /// How much of the body was sent.
    private(set) var sent: Int
    /// When it must have been sent, on the monotonic clock.
    let deadline: Int64

    /// - Parameter count: how many bytes of head and body were sent.
    init(head: [UInt8], body: [UInt8], sent count: Int, deadline: Int64) {
        self.head = Array(head.dropFirst(count))
        self.body = body
        sent = max(0, count - head.count)
        self.deadline = deadline
    }

    var isSent: Bool { head.isEmpty && sent == body.count }

    /// So many more bytes were sent.
    func advance(_ count: Int) {
        let fromHead = min(count, head.count)
        if fromHead > 0 { head.removeFirst(fromHead) }
        sent += count - fromHead
    }

    /// The same for all answers that share a body, as long as one of them is there.
    var bodyID: Int { body.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) } }
}
