import Glibc

/// The system calls on a connected socket. None of them blocks, whatever the socket's mode.
enum Socket {
    private static let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)

    enum Received {
        case bytes(Int)
        case nothing
        case ended
        case failed
    }

    /// Receives into a buffer.
    static func receive(_ descriptor: Int32, into buffer: inout [UInt8]) -> Received {
        let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, flags) }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .ended }
        return errno == EAGAIN || errno == EINTR ? .nothing : .failed
    }

    /// Sends two pieces in one call. Returns how many bytes were accepted; nil when the connection is broken.
    static func send(_ descriptor: Int32, _ head: [UInt8], _ body: [UInt8], from start: Int = 0) -> Int? {
        let count = head.withUnsafeBytes { head in
            body.withUnsafeBytes { body in
                if body.count == start {
                    return Glibc.send(descriptor, head.baseAddress, head.count, flags)
                }
                // sendmsg(2) does not write through the pointers.
                var pieces = (
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: head.baseAddress), iov_len: head.count),
                    iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress.map { $0 + start }),
                        iov_len: body.count - start)
                )
                return withUnsafeMutablePointer(to: &pieces) { pointer in
                    pointer.withMemoryRebound(to: iovec.self, capacity: 2) {
                        var message = msghdr()
                        message.msg_iov = $0
                        message.msg_iovlen = 2
                        return sendmsg(descriptor, &message, flags)
                    }
                }
            }
        }
        if count >= 0 { return count }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }
}
