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
