import Glibc

/// Opens the sockets that connections are accepted on.
public enum ListeningSocket {
    /// Opens a socket and binds it to an address. The socket does not listen yet; it is non-blocking and closed on
    /// exec.
    ///
    /// - Parameter isShared: whether other sockets may be bound to the same port (SO_REUSEPORT).
    ///
    /// - Throws: ``EventsError`` when the address does not belong to this machine, or is in use.
    public static func bound(_ address: ListenAddress, isShared: Bool) throws(EventsError) -> Int32 {
        switch address {
        case .tcp(let host, let port): try openTCP(host, port, address, isShared: isShared)
        case .unix(let path): try openUnix(path)
        }
    }

    private static func openTCP(
        _ host: String, _ port: UInt16, _ address: ListenAddress, isShared: Bool
    ) throws(EventsError) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        // The same address on every machine, whichever one the system would list first.
        let name = host.isEmpty ? nil : host == "localhost" ? "127.0.0.1" : host
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, String(port), &hints, &list)
        guard code == 0, let info = list else {
            throw EventsError(
                code: EINVAL, message: "cannot listen on \(address): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        let type = info.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, 0)
        guard descriptor >= 0 else { throw failure("socket", address) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if isShared { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        // Accepted connections inherit it.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
            let error = failure("bind", address)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func openUnix(_ path: String) throws(EventsError) -> Int32 {
        let address = ListenAddress.unix(path: path)
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
        // A socket file that nobody listens on was left by a killed process.
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

    /// The TCP port that a socket is bound to; 0 for a unix socket.
    public static func port(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard code == 0 else { return 0 }
        guard [AF_INET, AF_INET6].contains(Int32(storage.ss_family)) else { return 0 }
        // The port has the same offset in both families, in network byte order.
        return withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
    }

    public static func failure(_ call: String, _ address: ListenAddress) -> EventsError {
        let code = errno
        let reason = String(cString: strerror(code))
        return EventsError(code: code, message: "cannot listen on \(address): \(call): \(reason)")
    }
}
