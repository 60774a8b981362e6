import Foundation
import Synchronization

/// A line to a server that can be made bad while it is in use: slow, narrow, dead, cut, reset.
///
/// It listens on a TCP port of its own and passes bytes to and from a Unix socket, on a thread of its own.
public final class SlowProxy: Sendable {
    /// How the line is now, each way.
    public struct Line: Sendable {
        /// How long a byte is on its way, in seconds.
        public var delay: Double
        /// Bytes a second of each connection; 0: as many as there are.
        public var bandwidth: Int
        /// Nothing passes, and nobody is told.
        public var isDead: Bool
        /// New connections are closed at once.
        public var isShut: Bool
        /// What the server sends to clients that have sent `SUBSCRIBE` is swallowed, and nobody is told. All else passes. A
        /// connection that has lost something so stays deaf to its end: nothing good can come behind a hole.
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
        /// Closed: what has been passed on still arrives.
        case close
        /// Reset (RST): what is on its way is lost.
        case reset
    }

    public let port: UInt16
    private let orders: SlowProxyOrders

    /// Starts to listen.
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

    /// How many connections have been made so far.
    public var accepted: Int { orders.state.withLock { $0.accepted } }

    /// How many connections that stand have gone deaf.
    public var deaf: Int { orders.state.withLock { $0.deaf } }

    /// Changes the line, for the connections that stand as well. Bytes on their way keep their time.
    public func set(_ line: Line) {
        orders.state.withLock { $0.line = line }
    }

    /// Ends every connection that stands.
    public func end(_ end: End) {
        orders.state.withLock { $0.end = end }
    }

    /// Ends each connection that stands as soon as it has passed that many more bytes to its client: in the middle of a
    /// reply.
    public func cut(afterReplyBytes count: Int) {
        orders.state.withLock { $0.cutAfter = count }
    }
}

/// What the test has asked a ``SlowProxy`` for, until its thread takes it.
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
