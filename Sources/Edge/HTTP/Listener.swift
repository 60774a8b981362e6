import Events
import Glibc
import Logging

/// Accepts connections on one address. Several processes may listen on one port: the system spreads connections.
final class Listener {
    /// The port in use, for TCP; 0 for a unix socket.
    private(set) var port = 0

    private let address: EdgeAddress
    private let loop: EventLoop
    private let pool: ConnectionPool
    private let logger: Logger
    private var descriptor: Int32 = -1
    private var event: FileEvent?
    private var resume: Timer?

    /// Connections accepted before the loop has its turn.
    private static let acceptsAtOnce = 64
    /// How long accepting pauses when the process or the system has no descriptor left.
    private static let pause: Int64 = 200

    init(on loop: EventLoop, address: EdgeAddress, pool: ConnectionPool, logger: Logger) {
        self.loop = loop
        self.address = address
        self.pool = pool
        self.logger = logger
    }

    deinit {
        stop()
    }

    /// Opens the socket and accepts from now on.
    func start() throws(EdgeError) {
        descriptor =
            switch address {
            case .tcp(let host, let port): try Self.openTCP(host, port, address)
            case .unix(let path): try Self.openUnix(path)
            }
        guard listen(descriptor, 4096) == 0 else { throw failure("listen") }
        port = Self.port(of: descriptor)
        event = FileEvent(on: loop, descriptor: descriptor) { [unowned self] _ in self.accept() }
        resume = Timer(on: loop) { [unowned self] in self.event?.watch(.read) }
        event?.watch(.read)
    }

    /// Closes the socket. Accepted connections stay.
    func stop() {
        guard descriptor >= 0 else { return }
        event?.cancel()
        event = nil
        resume = nil
        close(descriptor)
        descriptor = -1
        if case .unix(let path) = address { unlink(path) }
    }

    private func accept() {
        for _ in 0..<Self.acceptsAtOnce {
            let accepted = Glibc.accept(descriptor, nil, nil)
            if accepted >= 0 {
                // accept4(2) would save this call; Swift does not see it.
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                pool.adopt(accepted)
                continue
            }
            switch errno {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // The connection stays in the system's queue and would wake us for ever.
                pool.metrics.acceptPauses += 1
                if pool.metrics.acceptPauses == 1 {
                    logger.warning("no descriptors left, accepting pauses: raise the limit of open files")
                }
                event?.cancel()
                resume?.schedule(after: Self.pause)
                return
            default:
                // The client left between the system's accept and ours, or a signal came.
                continue
            }
        }
    }

    private static func openTCP(_ host: String, _ port: UInt16, _ address: EdgeAddress) throws(EdgeError) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
        guard code == 0, let info = list else {
            throw EdgeError(
                code: .address, message: "cannot listen on \(address): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        let type = info.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { throw failure("socket", address) }
        for option in [SO_REUSEADDR, SO_REUSEPORT] { set(descriptor, SOL_SOCKET, option) }
        // Accepted connections inherit it.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
            let error = failure("bind", address)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func openUnix(_ path: String) throws(EdgeError) -> Int32 {
        let address = EdgeAddress.unix(path: path)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw failure("socket", address) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        // A socket file that nobody listens on is left over from a process that was killed.
        if call({ connect($0, $1, $2) }) != 0, errno == ECONNREFUSED { unlink(path) }
        guard call({ bind($0, $1, $2) }) == 0 else {
            let error = failure("bind", address)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func port(of descriptor: Int32) -> Int {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard code == 0 else { return 0 }
        guard [AF_INET, AF_INET6].contains(Int32(storage.ss_family)) else { return 0 }
        // It stands at the same place in both families, in network order.
        return withUnsafeBytes(of: storage) { Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))) }
    }

    private static func failure(_ call: String, _ address: EdgeAddress) -> EdgeError {
        let reason = String(cString: strerror(errno))
        return EdgeError(code: .listen, message: "cannot listen on \(address): \(call): \(reason)")
    }

    private func failure(_ call: String) -> EdgeError {
        Self.failure(call, address)
    }
}
