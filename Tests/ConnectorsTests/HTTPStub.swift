import Glibc
import Synchronization
import TestSupport

/// A receiver of webhooks on a port of this machine, with a thread for each connection and a closure that chooses the
/// reply to each request. Ends with the last reference.
final class HTTPStub: Sendable {
    /// A received request.
    struct Request: Sendable {
        /// Counted from 0 over all connections.
        let number: Int
        /// The number of its connection, counted from 0.
        let connection: Int
        let target: String
        /// The header fields, by their names in lower case.
        let headers: [String: String]
        let body: String
    }

    /// The reply to a request.
    enum Reply: Sendable {
        case status(Int, headers: [String: String] = [:], body: String = "")
        /// No reply until the client closes the connection.
        case hang
        /// The connection is closed.
        case close
        /// These bytes, then the connection is closed.
        case raw(String)
        /// A head with a `Content-Length`, then a byte every 20 ms.
        case drip
        /// Bytes without end.
        case flood(head: String)
    }

    private typealias Message = (target: String, headers: [String: String], body: String)

    private struct State {
        var requests: [Request] = []
        var inFlight = 0
        var mostInFlight = 0
        var connections: [Int32] = []
        var accepted = 0
        var isEnding = false
    }

    let port: UInt16
    private let listener: Int32
    private let state: Mutex<State>
    private let reply: @Sendable (Request) -> Reply

    init(_ reply: @escaping @Sendable (Request) -> Reply) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 128) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw StubError() }
        self.listener = listener
        self.reply = reply
        port = UInt16(bigEndian: address.sin_port)
        state = Mutex(State())
        HTTPStub.thread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                guard let self, let number = self.register(descriptor) else {
                    Glibc.close(descriptor)
                    break
                }
                HTTPStub.thread { [weak self] in
                    // The stub is not retained while the thread waits for the client.
                    while let message = HTTPStub.read(descriptor), let reply = self?.answer(message, on: number),
                        HTTPStub.send(reply, to: descriptor)
                    {}
                    self?.forget(descriptor)
                    Glibc.close(descriptor)
                }
            }
            Glibc.close(listener)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { state in
            for descriptor in state.connections { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    var url: String { "http://127.0.0.1:\(port)/hook" }

    /// All requests so far, in the order of arrival.
    var requests: [Request] { state.withLock { $0.requests } }

    /// The most requests that were open at once.
    var mostInFlight: Int { state.withLock { $0.mostInFlight } }

    private func register(_ descriptor: Int32) -> Int? {
        state.withLock { state in
            state.connections.append(descriptor)
            state.accepted += 1
            return state.accepted - 1
        }
    }

    private func forget(_ descriptor: Int32) {
        state.withLock { state in state.connections.removeAll { $0 == descriptor } }
    }

    private func answer(_ message: Message, on connection: Int) -> Reply {
        let request = state.withLock { state in
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            let request = Request(
                number: state.requests.count, connection: connection, target: message.target,
                headers: message.headers, body: message.body)
            state.requests.append(request)
            return request
        }
        let answer = reply(request)
        // Before the reply is sent: the next request may arrive before this thread continues.
        state.withLock { $0.inFlight -= 1 }
        return answer
    }

    private static func send(_ reply: Reply, to descriptor: Int32) -> Bool {
        switch reply {
        case .status(let code, let headers, let body):
            let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
            return write(
                "HTTP/1.1 \(code) Because\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)", to: descriptor
            )
        case .hang:
            var byte: UInt8 = 0
            while recv(descriptor, &byte, 1, 0) > 0 {}
            return false
        case .close:
            return false
        case .raw(let bytes):
            _ = write(bytes, to: descriptor)
            return false
        case .drip:
            guard write("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", to: descriptor) else { return false }
            while write("x", to: descriptor) { usleep(20_000) }
            return false
        case .flood(let head):
            guard write(head, to: descriptor) else { return false }
            while write("X-Flood: \(String(repeating: "y", count: 1000))\r\n", to: descriptor) {}
            return false
        }
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            bytes = bytes.dropFirst(count)
        }
        return true
    }

    private static func read(_ descriptor: Int32) -> Message? {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
            head.append(byte)
        }
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        var body: [UInt8] = []
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while body.count < length {
            var buffer = [UInt8](repeating: 0, count: length - body.count)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            body += buffer.prefix(count)
        }
        return (
            target: String(lines[0].split(separator: " ")[1]), headers: headers,
            body: String(decoding: body, as: UTF8.self)
        )
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(StubThread(body)).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<StubThread>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, context)
        precondition(code == 0, "no thread")
        pthread_detach(thread)
    }

    private struct StubError: Error {}
}

/// The body of a thread of ``HTTPStub``.
private final class StubThread: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
