import Events
import Glibc
import TestSupport

@testable import Edge

/// A connection pool with a whole edge behind it on the test's own loop, and clients at the other ends of socket pairs.
final class PoolWorld {
    let runner: LoopRunner
    let pool: ConnectionPool
    let source = FakeSource()
    private let router: RequestRouter
    private let sink = FakeSink()

    /// One client, and what it has received so far.
    final class Client {
        fileprivate let descriptor: Int32
        private(set) var received = ""
        /// The number of status lines received.
        private(set) var answers = 0
        private var matched = 0
        private var buffer = [UInt8](repeating: 0, count: 65_536)
        private static let mark = Array("HTTP/1.1 ".utf8)

        fileprivate init(_ descriptor: Int32) {
            self.descriptor = descriptor
        }

        deinit {
            close(descriptor)
        }

        func send(_ text: String) {
            let bytes = Array(text.utf8)
            precondition(send(bytes[...]) == bytes.count, "the socket's buffer holds it")
        }

        /// Sends what the socket takes. Returns how much that was; nil: the server has closed.
        func send(_ bytes: ArraySlice<UInt8>) -> Int? {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            return count >= 0 ? count : errno == EAGAIN ? 0 : nil
        }

        /// Closes the sending side.
        func finishSending() {
            shutdown(descriptor, Int32(SHUT_WR))
        }

        /// Receives everything available. Returns true when the server has closed.
        @discardableResult
        func receive() -> Bool {
            while true {
                guard let count = receive(atMost: 65_536) else { return true }
                guard count > 0 else { return false }
            }
        }

        /// Receives some of what is available. Returns how much that was; nil: the server has closed.
        func receive(atMost size: Int) -> Int? {
            let count = recv(descriptor, &buffer, min(size, buffer.count), Int32(MSG_DONTWAIT))
            if count > 0 {
                received += String(decoding: buffer[..<count], as: UTF8.self)
                match(count)
            }
            return count > 0 ? count : count < 0 && errno == EAGAIN ? 0 : nil
        }

        /// The statuses of all answers so far; a body may contain the mark as well.
        var statuses: [Int] { received.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) } }

        /// Counts status lines in what was received, skipping most of it quickly.
        private func match(_ count: Int) {
            buffer.withUnsafeBytes { bytes in
                var index = 0
                while index < count {
                    if matched == 0 {
                        guard let rest = bytes.baseAddress.map({ $0 + index }),
                            let found = memchr(rest, Int32(Self.mark[0]), count - index)
                        else { return }
                        index += found - UnsafeMutableRawPointer(mutating: rest)
                    }
                    match(bytes[index])
                    index += 1
                }
            }
        }

        private func match(_ byte: UInt8) {
            matched = byte == Self.mark[matched] ? matched + 1 : byte == Self.mark[0] ? 1 : 0
            guard matched == Self.mark.count else { return }
            matched = 0
            answers += 1
        }
    }

    init(_ limits: EdgeLimits) throws {
        runner = try LoopRunner()
        var options = EdgeOptions(address: .tcp(host: "", port: 0), epochKey: "")
        options.limits = limits
        let metrics = EdgeMetrics()
        let hub = Hub(on: runner.loop, source: source, limits: limits, metrics: metrics)
        router = RequestRouter(
            services: EdgeServices(hub: hub, metrics: metrics, options: options, seed: 1), sink: sink)
        pool = ConnectionPool(
            on: runner.loop, limits: limits, metrics: metrics, head: ResponseHead(origins: .any), handler: router)
    }

    deinit {
        pool.closeAll()
    }

    /// - Parameter address: the client's address; nil for a unix socket.
    func connect(from address: String? = nil) throws -> Client {
        var ends: [Int32] = [0, 0]
        // Closed on exec: a server that another test starts would otherwise keep the connection open.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw TestSupportError("no socket pair: \(String(cString: strerror(errno)))")
        }
        pool.adopt(ends[0], from: address.flatMap { ClientAddress($0) })
        return Client(ends[1])
    }
}
