import Events
import Glibc
import Logging

/// Accepts connections on one address.
///
/// Several processes may listen on one port: the system spreads connections. Each then has a socket of the supervisor's,
/// which stays when the process goes: whoever connected meanwhile waits there for the next one. What waits at the
/// socket of a process beside this one, because that one is dead or stands still, is taken after a moment.
final class Listener {
    /// Why accepting ends.
    enum End {
        /// Another process goes on with the socket.
        case handedOn
        /// Nobody does: who connects from now on is refused.
        case closed
    }

    /// The port in use, for TCP; 0 for a unix socket.
    private(set) var port = 0

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
    /// Accepting has paused for the rate; who is found next has waited for it.
    private var isRatePause = false

    /// Connections accepted before the loop has its turn.
    private static let acceptsAtOnce = 64
    /// How long accepting pauses when the process or the system has no descriptor left.
    private static let pause: Int64 = 200
    /// Time between two looks at the sockets of the processes beside this one.
    private static let neighbourInterval: Int64 = 500

    /// - Parameter inherited: sockets that are bound to the address already: this process's own, then those of the
    ///   processes beside it. Empty: one is opened.
    init(
        on loop: EventLoop, address: ListenAddress, inherited: [Int32] = [], pool: ConnectionPool, logger: Logger
    ) {
        self.inherited = inherited
        rate = AcceptRate(perSecond: pool.limits.acceptsPerSecond, now: Clock.monotonicMilliseconds())
        self.loop = loop
        self.address = address
        self.pool = pool
        self.logger = logger
    }

    /// Takes another rate of new connections.
    func adopt(limits: EdgeLimits) {
        rate.change(perSecond: limits.acceptsPerSecond)
    }

    deinit {
        stop(.closed)
    }

    /// Opens the socket and accepts from now on.
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

    /// Accepts nothing more. Accepted connections stay; those that wait are accepted first, unless somebody else will.
    func stop(_ end: End) {
        guard descriptor >= 0 else { return }
        event?.cancel()
        event = nil
        resume = nil
        neighbours = nil
        if end == .closed {
            while accept(from: descriptor) == Self.acceptsAtOnce {}
            // For every process that has the socket. Its successor listens on it anew.
            if !inherited.isEmpty { shutdown(descriptor, Int32(SHUT_RDWR)) }
            if case .unix(let path) = address, inherited.isEmpty { unlink(path) }
        }
        close(descriptor)
        descriptor = -1
    }

    private func accept() {
        accept(from: descriptor)
    }

    /// Gives how many were accepted.
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
                // accept4(2) would save this call; Swift does not see it.
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                pool.adopt(accepted, from: ClientAddress(peer))
                continue
            }
            switch errno {
            // EINVAL: a socket beside this one on which nobody listens yet.
            case EAGAIN, EINVAL:
                isRatePause = false
                return count
            // The client left between the system's accept and ours, or a signal came.
            case ECONNABORTED, EINTR: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // The connection stays in the system's queue and would wake us for ever.
                pool.metrics.acceptPauses += 1
                if pool.metrics.acceptPauses == 1 {
                    logger.warning("no descriptors left, accepting pauses: raise the limit of open files")
                }
                event?.cancel()
                resume?.schedule(after: Self.pause)
                return count
            default:
                // An error of the network's, or one that lasts.
                event?.cancel()
                resume?.schedule(after: Self.pause)
                return count
            }
        }
        return Self.acceptsAtOnce
    }
}

/// How many new connections are taken in a second: a bucket that fills evenly and holds a tenth of a second. Pure.
struct AcceptRate {
    private var perSecond: Double
    private var capacity: Double { max(1, perSecond / 10) }
    private var tokens: Double
    private var filled: Int64

    /// - Parameters:
    ///   - perSecond: 0: any number.
    ///   - now: monotonic, in milliseconds.
    init(perSecond: Int, now: Int64) {
        self.perSecond = Double(perSecond)
        tokens = max(1, Double(perSecond) / 10)
        filled = now
    }

    /// From now on so many. What has been saved up stays, as far as it may be saved up then.
    mutating func change(perSecond: Int) {
        if self.perSecond == 0 { tokens = .infinity }
        self.perSecond = Double(perSecond)
        tokens = min(tokens, capacity)
    }

    /// In how many milliseconds a connection may be taken; 0: now.
    mutating func wait(now: Int64) -> Int64 {
        guard perSecond > 0 else { return 0 }
        tokens = min(capacity, tokens + Double(max(0, now - filled)) * perSecond / 1000)
        filled = now
        return tokens >= 1 ? 0 : max(1, Int64(((1 - tokens) * 1000 / perSecond).rounded(.up)))
    }

    /// A connection was taken.
    mutating func take() {
        if perSecond > 0 { tokens -= 1 }
    }
}
