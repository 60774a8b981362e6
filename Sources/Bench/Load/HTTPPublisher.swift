import Glibc

/// Publishes events by pipelined `POST` requests over one connection, to the bare loop and to Nchan.
package final class HTTPPublisher {
    private let descriptor: Int32
    private let path: String
    /// How many responses have not arrived yet.
    package private(set) var outstanding = 0
    private var input: [UInt8] = []

    /// - Parameter path: the part of the target before the channel.
    package init(port: UInt16, path: String) throws(LoadError) {
        descriptor = try LoopbackSocket.connect(to: port)
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Sends an event. Blocks while the server does not read.
    package func publish(_ event: [UInt8], to channel: String) throws(LoadError) {
        var request = Array(
            "POST \(path)\(channel) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(event.count)\r\n\r\n".utf8)
        request.append(contentsOf: event)
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LoadError("the server did not read an event: \(LoadError.systemReason)") }
            sent += count
        }
        outstanding += 1
    }

    /// Reads the responses that have arrived.
    ///
    /// - Parameter waits: whether to wait for at least one.
    /// - Throws: ``LoadError`` when the server has rejected an event.
    package func readAnswers(waits: Bool) throws(LoadError) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { throw LoadError("the server closed the publisher's connection") }
        input.append(contentsOf: buffer[..<count])
        while true {
            switch input.withUnsafeBytes({ ResponseScanner.scan($0, lines: { _ in }) }) {
            case .part: return
            case .nonsense: throw LoadError("the server's response to the publisher is not HTTP")
            case .whole(let status, let head, let length, _):
                guard (200..<300).contains(status) else {
                    throw LoadError("the server rejected an event with status \(status)")
                }
                input.removeFirst(head + length)
                outstanding -= 1
            }
        }
    }
}

/// Finds the end of an HTTP/1.1 response with a `Content-Length`.
///
/// It is not a general parser: it reads the responses of servers that the benchmark itself started, and treats all
/// others as failures.
enum ResponseScanner {
    enum Found {
        /// The response is incomplete.
        case part
        case whole(status: Int, head: Int, length: Int, closes: Bool)
        case nonsense
    }

    /// - Parameter lines: called with each header line that is neither `Content-Length` nor `Connection: close`.
    static func scan(_ bytes: UnsafeRawBufferPointer, lines: (UnsafeRawBufferPointer) -> Void) -> Found {
        guard let head = endOfHead(bytes) else { return bytes.count > 65_536 ? .nonsense : .part }
        guard bytes.count > 12, bytes[0] == UInt8(ascii: "H"), let status = number(bytes, from: 9, to: 12) else {
            return .nonsense
        }
        var length = status == 204 || status == 304 ? 0 : -1
        var closes = false
        var start = 0
        for end in 0..<head where bytes[end] == 10 {
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, end - 1)])
            if start > 0 {
                if begins(line, "Content-Length: ") {
                    length = number(line, from: 16, to: line.count) ?? -1
                } else if begins(line, "Connection: close") {
                    closes = true
                } else {
                    lines(line)
                }
            }
            start = end + 1
        }
        guard length >= 0 else { return .nonsense }
        guard bytes.count >= head + length else { return .part }
        return .whole(status: status, head: head, length: length, closes: closes)
    }

    /// The index after the empty line that ends the head; nil when the head is incomplete.
    static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for end in 3..<bytes.count where bytes[end] == 10 && bytes[end - 2] == 10 && bytes[end - 1] == 13 {
            return end + 1
        }
        return nil
    }

    static func begins(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard line.count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where line[index] != text.utf8Start[index] { return false }
        return true
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
        guard end > start, end - start < 12 else { return nil }
        var value = 0
        for index in start..<end {
            let digit = bytes[index] &- 48
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
}
