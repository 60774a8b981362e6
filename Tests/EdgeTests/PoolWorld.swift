import Events
import Glibc
import TestSupport

@testable import Edge

/// A pool of connections on a test's own loop, with a whole edge behind it, and clients at the other end of socket pairs.
final class PoolWorld {
    let runner: LoopRunner
    let pool: ConnectionPool
    let source = FakeSource()
    private let router: Router
    private let sink = FakeSink()

    /// One client: what it sends, and what it has received so far.
    final class Client {
        fileprivate let descriptor: Int32
        private(set) var received = ""
        /// Status lines among it.
        private(set) var answers = 0
        private var matched = 0
        private static let mark = Array("HTTP/1.1 ".utf8)

        fileprivate init(_ descriptor: Int32) {
            self.descriptor = descriptor
        }

        deinit {
            close(descriptor)
        }

        func send(_ text: String) {
            let bytes = Array(text.utf8)
            let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            precondition(count == bytes.count, "the socket's buffer holds it")
        }

        /// Takes what there is. True when the server has closed.
        @discardableResult
        func receive() -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return count == 0 }
                received += String(decoding: buffer[..<count], as: UTF8.self)
                for byte in buffer[..<count] { match(byte) }
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
        router = Router(services: EdgeServices(hub: hub, metrics: metrics, options: options, seed: 1), sink: sink)
        pool = ConnectionPool(
            on: runner.loop, limits: limits, metrics: metrics, head: ResponseHead(origins: .any), handler: router)
    }

    deinit {
        pool.closeAll()
    }

    /// - Parameter address: whom the client is taken for; nil: a unix socket's.
    func connect(from address: String? = nil) throws -> Client {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw TestSupportError("no socket pair: \(String(cString: strerror(errno)))")
        }
        pool.adopt(ends[0], from: address.flatMap { ClientAddress($0) })
        return Client(ends[1])
    }
}
