import Foundation
import Synchronization

/// A proxy to a server whose connections a test can degrade: slow, with little bandwidth, silent, closed, reset.
///
/// It listens on a TCP port and relays bytes to and from a Unix socket, on its own thread.
public final class SlowProxy: Sendable {
    /// The state of all connections, in both directions.
    public struct Line: Sendable {
        /// The latency of each byte, in seconds.
        public var delay: Double
        /// The bandwidth of each connection in bytes a second; 0: unlimited.
        public var bandwidth: Int
        /// No bytes pass, and connections stay open.
        public var isDead: Bool
        /// New connections are closed at once.
        public var isShut: Bool
        /// Bytes from the server to clients that have sent `SUBSCRIBE` are discarded; all others pass. Such a
        /// connection stays deaf until it ends, since the bytes after a gap would be out of step.
        public var isDeaf: Bool

        public init(
            delay: Double = 0, bandwidth: Int = 0, isDead: Bool = false, isShut: Bool = false, isDeaf: Bool = false
        ) {
            self.isDeaf = isDeaf
            self.delay = delay
            self.bandwidth = bandwidth
            self.isDead = isDead
            self.isShut = isShut
        }
    }

    /// How connections are ended.
    public enum End: Sendable {
        /// Closed: relayed bytes still arrive.
        case close
        /// Reset (RST): bytes in transit are lost.
        case reset
    }

    public let port: UInt16
    private let orders: SlowProxyOrders

    /// Starts listening.
    ///
    /// - Parameter socket: the server's Unix socket.
    public init(to socket: String) throws {
        let orders = SlowProxyOrders()
        let listener = try SlowProxyRelay.listen()
        self.orders = orders
        port = listener.port
        Thread.detachNewThread {
            SlowProxyRelay(listener: listener.descriptor, to: socket, orders: orders).run()
        }
    }

    deinit {
        orders.state.withLock { $0.isOver = true }
    }

    /// The address for a client of Redis.
    public var url: String { "redis://127.0.0.1:\(port)" }

    /// How many connections were accepted so far.
    public var accepted: Int { orders.state.withLock { $0.accepted } }

    /// How many open connections are deaf.
    public var deaf: Int { orders.state.withLock { $0.deaf } }

    /// Changes the state of open and future connections. Bytes in transit keep their time of arrival.
    public func set(_ line: Line) {
        orders.state.withLock { $0.line = line }
    }

    /// Ends every open connection.
    public func end(_ end: End) {
        orders.state.withLock { $0.end = end }
    }

    /// Ends each open connection after this many more bytes to its client, that is in the middle of a reply.
    public func cut(afterReplyBytes count: Int) {
        orders.state.withLock { $0.cutAfter = count }
    }
}

/// The orders of the test to the thread of a ``SlowProxy``.
final class SlowProxyOrders: Sendable {
    struct State {
        var line = SlowProxy.Line()
        var end: SlowProxy.End?
        var cutAfter: Int?
        var accepted = 0
        var deaf = 0
        var isOver = false
    }

    let state = Mutex(State())
}
