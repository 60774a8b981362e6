import Glibc

/// Publishes by `POST` over one connection, without waiting for one answer before the next request: to the bare loop and
/// to Nchan.
public final class HTTPPublisher {
    private let descriptor: Int32
    private let path: String
    /// Answers that have not come.
    public private(set) var outstanding = 0
    private var input: [UInt8] = []

    /// - Parameter path: what stands before the channel in the target.
    public init(port: UInt16, path: String) throws(LoadError) {
        descriptor = try LoopbackSocket.connect(to: port)
        self.path = path
    }

    deinit {
        close(descriptor)
    }

    /// Sends an event. Blocks while the server takes nothing.
    public func publish(_ event: [UInt8], to channel: String) throws(LoadError) {
        var request = Array(
            "POST \(path)\(channel) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(event.count)\r\n\r\n".utf8)
        request.append(contentsOf: event)
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes { bytes in
                send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw LoadError("the server took no event: \(LoadError.systemReason)") }
            sent += count
        }
        outstanding += 1
    }

    /// Reads the answers that have come.
    ///
    /// - Parameter waits: whether to wait for one.
    /// - Throws: ``LoadError`` when the server has refused an event.
    public func readAnswers(waits: Bool) throws(LoadError) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { throw LoadError("the server closed the publisher's connection") }
        input.append(contentsOf: buffer[..<count])
        while true {
            switch input.withUnsafeBytes({ ResponseScanner.scan($0, lines: { _ in }) }) {
            case .part: return
            case .nonsense: throw LoadError("the server answered the publisher with no HTTP")
            case .whole(let status, let head, let length, _):
                guard (200..<300).contains(status) else { throw LoadError("the server refused an event: \(status)") }
                input.removeFirst(head + length)
                outstanding -= 1
            }
        }
    }
}
