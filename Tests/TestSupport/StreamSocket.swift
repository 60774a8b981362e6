import Glibc

/// A connected stream socket, Unix or TCP. Every operation has a deadline.
public final class StreamSocket: Sendable {
    private let descriptor: Int32

    /// Connects to a Unix socket.
    public init(unix path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            room.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw TestSupportError("the path of a socket holds 107 bytes: \(path)") }
        descriptor = try Self.connected(AF_UNIX, &address, name: path)
    }

    /// Connects to a port of this machine.
    public init(port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        descriptor = try Self.connected(AF_INET, &address, name: "127.0.0.1:\(port)")
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        close(descriptor)
    }

    /// Sends all of `bytes`.
    public func send(_ bytes: some Sequence<UInt8>, before deadline: Deadline) throws {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                try waitFor(POLLOUT, before: deadline)
            } else if errno != EINTR {
                throw TestSupportError.system("send")
            }
        }
    }

    /// Receives at least one byte; empty when the peer has closed the connection.
    public func receive(before deadline: Deadline, isCancelled: () -> Bool = { false }) throws -> [UInt8] {
        while true {
            try waitFor(POLLIN, before: deadline, isCancelled: isCancelled)
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return Array(buffer.prefix(count)) }
            guard errno == EAGAIN || errno == EINTR else { throw TestSupportError.system("recv") }
        }
    }

    /// Closes the socket for writing.
    public func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Makes closing the socket a reset: bytes that were not sent or read are discarded.
    public func resetWhenReleased() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }

    private func waitFor(_ event: Int32, before deadline: Deadline, isCancelled: () -> Bool = { false }) throws {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while poll(&entry, 1, deadline.pollTimeout(atMost: 0.05)) <= 0 {
            guard !isCancelled() else { throw TestSupportError("cancelled") }
            guard !deadline.isOver else { throw TestSupportError("the peer was silent until the deadline") }
        }
    }

    private static func connected<Address>(_ family: Int32, _ address: inout Address, name: String) throws -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestSupportError.system("socket") }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard code == 0 else {
            let error = TestSupportError.system("connect to \(name)")
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
