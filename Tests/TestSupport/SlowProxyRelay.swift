import Glibc
import Synchronization

/// The thread of a ``SlowProxy``: one loop over all connections. Used only on that thread.
final class SlowProxyRelay {
    private let target: String
    private let orders: SlowProxyOrders
    private let listener: Int32
    private var links: [Link] = []

    private struct Link {
        let client: Int32
        let server: Int32
        var up = Way()
        var down = Way()
        /// How many more bytes the client gets before the connection ends.
        var cutAfter: Int?
        /// Whether the client has sent `SUBSCRIBE`.
        var subscribes = false
        /// Whether bytes to the client are discarded.
        var isDeaf = false
        var isOver = false
    }

    /// One direction: the pieces in transit, and when each arrives.
    private struct Way {
        var pieces: [(due: UInt64, bytes: ArraySlice<UInt8>)] = []
        var lastDue: UInt64 = 0
        var hasEnded = false
    }

    /// - Parameter listener: a listening socket, which is owned from now on.
    init(listener: Int32, to target: String, orders: SlowProxyOrders) {
        self.listener = listener
        self.target = target
        self.orders = orders
    }

    deinit {
        close(listener)
    }

    /// Listens on a port of 127.0.0.1 that the system chooses.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard made >= 0 else { throw TestSupportError.system("socket") }
        // A small window: bytes that the proxy has not read wait at the sender, as on a real network.
        var window: Int32 = 2048
        setsockopt(made, SOL_SOCKET, SO_RCVBUF, &window, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(made, $0, size) == 0 && Glibc.listen(made, 64) == 0 && getsockname(made, $0, &size) == 0
            }
        }
        guard listens else {
            let error = TestSupportError.system("listen")
            close(made)
            throw error
        }
        return (made, UInt16(bigEndian: address.sin_port))
    }

    /// Relays bytes until the proxy is released.
    func run() {
        defer { for link in links { finish(link, .close) } }
        while true {
            let order = orders.state.withLock { state in
                defer { (state.end, state.cutAfter) = (nil, nil) }
                return state
            }
            guard !order.isOver else { return }
            if let end = order.end {
                for link in links { finish(link, end) }
                links = []
            }
            if let count = order.cutAfter {
                for index in links.indices { links[index].cutAfter = count }
            }
            accept(order.line)
            if !order.line.isDead {
                for index in links.indices { links[index] = relay(links[index], order.line) }
                for link in links where link.isOver { finish(link, .close) }
                links.removeAll(where: \.isOver)
            }
            let deaf = links.count { $0.isDeaf }
            orders.state.withLock { $0.deaf = deaf }
            rest(isDead: order.line.isDead)
        }
    }

    /// Waits for bytes, or for the next piece to be due. Waits only briefly, since orders may arrive.
    private func rest(isDead: Bool) {
        var entries = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        var isBusy = false
        for link in links where !isDead {
            if !link.up.hasEnded { entries.append(pollfd(fd: link.client, events: Int16(POLLIN), revents: 0)) }
            if !link.down.hasEnded { entries.append(pollfd(fd: link.server, events: Int16(POLLIN), revents: 0)) }
            if !link.up.pieces.isEmpty || !link.down.pieces.isEmpty { isBusy = true }
        }
        if isBusy { usleep(1000) } else { poll(&entries, nfds_t(entries.count), 5) }
    }

    private func accept(_ line: SlowProxy.Line) {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { return }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            guard !line.isShut, let server = connect() else {
                close(client)
                continue
            }
            var on: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
            links.append(Link(client: client, server: server))
            orders.state.withLock { $0.accepted += 1 }
        }
    }

    private func connect() -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: target.utf8) }
        let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(made, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if code == 0 { return made }
        close(made)
        return nil
    }

    private func relay(_ link: Link, _ line: SlowProxy.Line) -> Link {
        var link = link
        var unlimited: Int?
        let known = link.up.pieces.count
        take(from: link.client, into: &link.up, line)
        if link.up.pieces[known...].contains(where: { Self.subscribes($0.bytes) }) { link.subscribes = true }
        take(from: link.server, into: &link.down, line)
        if line.isDeaf, link.subscribes { link.isDeaf = true }
        if link.isDeaf { link.down.pieces = [] }
        let upHolds = give(to: link.server, from: &link.up, left: &unlimited)
        let downHolds = give(to: link.client, from: &link.down, left: &link.cutAfter)
        let isDrained = link.up.pieces.isEmpty && link.down.pieces.isEmpty
        link.isOver =
            !upHolds || !downHolds || link.cutAfter == 0 || ((link.up.hasEnded || link.down.hasEnded) && isDrained)
        return link
    }

    /// Whether a piece from a client has the command, as a word of its own: the source of the functions names it as well.
    /// Clients send it in one piece.
    private static func subscribes(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.firstRange(of: Array("\r\nSUBSCRIBE\r\n".utf8)) != nil
    }

    private func take(from source: Int32, into way: inout Way, _ line: SlowProxy.Line) {
        let delay = UInt64(line.delay * 1e9)
        // The bytes of a moment are in transit; more wait at the sender.
        while !way.hasEnded, way.pieces.count < 1024, way.lastDue < now() + delay + 50_000_000 {
            var buffer = [UInt8](repeating: 0, count: line.bandwidth > 0 ? 256 : 16_384)
            let count = recv(source, &buffer, buffer.count, 0)
            if count < 0 {
                if errno != EAGAIN && errno != EINTR { way.hasEnded = true }
                return
            }
            way.hasEnded = count == 0
            guard count > 0 else { return }
            let time = line.bandwidth > 0 ? UInt64(count) * 1_000_000_000 / UInt64(line.bandwidth) : 0
            way.lastDue = max(way.lastDue, now() + delay) + time
            way.pieces.append((way.lastDue, buffer[..<count]))
        }
    }

    /// - Returns: whether the connection is still open.
    private func give(to sink: Int32, from way: inout Way, left: inout Int?) -> Bool {
        while let piece = way.pieces.first, piece.due <= now(), left != 0 {
            let bytes = piece.bytes.prefix(left ?? .max)
            let count = bytes.withUnsafeBytes { send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
            left = left.map { $0 - count }
            way.pieces[0].bytes = piece.bytes.dropFirst(count)
            if way.pieces[0].bytes.isEmpty { way.pieces.removeFirst() }
        }
        return true
    }

    private func finish(_ link: Link, _ end: SlowProxy.End) {
        switch end {
        case .close:
            shutdown(link.client, Int32(SHUT_RDWR))
        case .reset:
            var abrupt = linger(l_onoff: 1, l_linger: 0)
            setsockopt(link.client, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        }
        close(link.client)
        close(link.server)
    }

    /// Nanoseconds of the monotonic clock.
    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
