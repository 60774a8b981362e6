import Events
import Glibc
import Logging

/// Which of an edge's addresses a client has connected to.
enum Entrance {
    /// The one for readers, writers and, if it is the only one, for everything else.
    case readers
    /// The one for those who look after the edge.
    case admin
}

/// Accepts connections on one address.
///
/// Several processes may listen on one port, and the kernel spreads connections over their sockets. Each process then
/// has a socket that the supervisor keeps open: clients that connect while the process restarts wait there. Each
/// process also accepts now and then from the sockets of its siblings, in case one is dead or hangs.
final class Listener {
    /// How accepting ends.
    enum End {
        /// Another process takes over the socket.
        case handedOn
        /// The socket is closed: new clients are refused.
        case closed
    }

    /// The port in use, for TCP; 0 for a unix socket.
    private(set) var port = 0

    private let entrance: Entrance
    private let address: ListenAddress
    private let loop: EventLoop
    private let pool: ConnectionPool
    private let logger: Logger
    private var descriptor: Int32 = -1
    private let inherited: [Int32]
    private var neighbours: Timer?
    private var event: FileEvent?
    private var resume: Timer?
    private var rate: AcceptRate
    /// Accepting has paused for the rate, so the next connection was delayed.
    private var isRatePause = false

    /// How many connections are accepted in one turn of the loop.
    private static let acceptsAtOnce = 64
    /// How long accepting pauses when the process or the system is out of descriptors, in ms.
    private static let pause: Int64 = 200
    /// The time between two attempts to accept from the sockets of siblings, in ms.
    private static let neighbourInterval: Int64 = 500

    /// - Parameter inherited: sockets that are already bound to the address: this process's own first, then those of
    ///   its siblings. Empty: a socket is opened.
    init(
        on loop: EventLoop, address: ListenAddress, entrance: Entrance = .readers, inherited: [Int32] = [],
        pool: ConnectionPool, logger: Logger
    ) {
        self.entrance = entrance
        self.inherited = inherited
        rate = AcceptRate(perSecond: pool.limits.acceptRate, now: Clock.monotonicMilliseconds())
        self.loop = loop
        self.address = address
        self.pool = pool
        self.logger = logger
    }

    /// Applies a new rate of connections.
    func adopt(limits: EdgeLimits) {
        rate.change(perSecond: limits.acceptRate)
    }

    deinit {
        stop(.closed)
    }

    /// Opens the socket and starts to accept.
    func start() throws(EventsError) {
        for socket in inherited { _ = fcntl(socket, F_SETFD, FD_CLOEXEC) }
        if let own = inherited.first {
            descriptor = own
        } else {
            descriptor = try ListeningSocket.bound(address, isShared: true)
        }
        guard listen(descriptor, 4096) == 0 else { throw ListeningSocket.failure("listen", address) }
        port = Int(ListeningSocket.port(of: descriptor))
        if inherited.count > 1 {
            neighbours = Timer(on: loop) { [unowned self] in
                for socket in self.inherited.dropFirst() { self.accept(from: socket) }
            }
            neighbours?.schedule(every: Self.neighbourInterval)
        }
        event = FileEvent(on: loop, descriptor: descriptor) { [unowned self] _ in self.accept() }
        resume = Timer(on: loop) { [unowned self] in
            self.event?.watch(.read)
            self.accept()
        }
        event?.watch(.read)
    }

    /// Stops accepting. Accepted connections stay open. Connections in the kernel's queue are accepted first, unless
    /// another process will do that.
    func stop(_ end: End) {
        guard descriptor >= 0 else { return }
        event?.cancel()
        event = nil
        resume = nil
        neighbours = nil
        if end == .closed {
            while accept(from: descriptor) == Self.acceptsAtOnce {}
            // This affects all processes that share the socket. The successor calls listen(2) again.
            if !inherited.isEmpty { shutdown(descriptor, Int32(SHUT_RDWR)) }
            if case .unix(let path) = address, inherited.isEmpty { unlink(path) }
        }
        close(descriptor)
        descriptor = -1
    }

    private func accept() {
        accept(from: descriptor)
    }

    /// Returns how many connections were accepted.
    @discardableResult
    private func accept(from socket: Int32) -> Int {
        for count in 0..<Self.acceptsAtOnce {
            let wait = rate.wait(now: Clock.monotonicMilliseconds())
            guard wait == 0 else {
                isRatePause = true
                event?.cancel()
                resume?.schedule(after: wait)
                return count
            }
            var peer = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let accepted = withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(socket, $0, &length) }
            }
            if accepted >= 0 {
                rate.take()
                if isRatePause {
                    pool.metrics.acceptDelays += 1
                    pool.metrics.reached(.acceptRate)
                }
                isRatePause = false
                // accept4(2) would save this call, but Swift does not import it.
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                pool.adopt(accepted, from: ClientAddress(peer), at: entrance)
                continue
            }
            switch errno {
            // EINVAL: a sibling does not listen on its socket yet.
            case EAGAIN, EINVAL:
                isRatePause = false
                return count
            // The client disconnected before it was accepted, or a signal arrived.
            case ECONNABORTED, EINTR: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // The connection stays in the kernel's queue, so the descriptor remains readable: pause instead of
                // spinning.
                pool.metrics.acceptPauses += 1
                if pool.metrics.acceptPauses == 1 {
                    logger.warning("no descriptors left, accepting pauses: raise the limit of open files")
                }
                event?.cancel()
                resume?.schedule(after: Self.pause)
                return count
            default:
                // A network error, or one that may last.
                event?.cancel()
                resume?.schedule(after: Self.pause)
                return count
            }
        }
        return Self.acceptsAtOnce
    }
}

/// Limits the rate of new connections: a token bucket that holds a tenth of a second's worth. Pure.
struct AcceptRate {
    private var perSecond: Double
    private var capacity: Double { max(1, perSecond / 10) }
    private var tokens: Double
    private var filled: Int64

    /// - Parameters:
    ///   - perSecond: 0: unlimited.
    ///   - now: monotonic, in milliseconds.
    init(perSecond: Int, now: Int64) {
        self.perSecond = Double(perSecond)
        tokens = max(1, Double(perSecond) / 10)
        filled = now
    }

    /// Changes the rate. Saved tokens stay, up to the new capacity.
    mutating func change(perSecond: Int) {
        if self.perSecond == 0 { tokens = .infinity }
        self.perSecond = Double(perSecond)
        tokens = min(tokens, capacity)
    }

    /// The time until a connection may be accepted, in milliseconds; 0: now.
    mutating func wait(now: Int64) -> Int64 {
        guard perSecond > 0 else { return 0 }
        tokens = min(capacity, tokens + Double(max(0, now - filled)) * perSecond / 1000)
        filled = now
        return tokens >= 1 ? 0 : max(1, Int64(((1 - tokens) * 1000 / perSecond).rounded(.up)))
    }

    /// Records that a connection was accepted.
    mutating func take() {
        if perSecond > 0 { tokens -= 1 }
    }
}
