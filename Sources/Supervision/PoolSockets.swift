package import Events
import Glibc

/// The listening sockets of a pool of edges: one for each process, all bound to one port, or one unix socket for all of
/// them; kept by the supervisor for as long as it runs. Connections that arrive while an edge is replaced, or was killed,
/// wait for its successor.
package final class PoolSockets {
    /// 0 for a unix socket.
    package let port: UInt16
    private let descriptors: [Int32]
    /// The path of a unix socket, which ends with the pool.
    private let path: String?

    /// Binds the sockets. Each edge listens on its own.
    ///
    /// - Parameters:
    ///   - port: 0 lets the system choose.
    /// - Throws: ``EventsError`` when the port is taken, also by another pool: SO_REUSEPORT would give that pool half
    ///   of the readers, and such a mistake is hard to find.
    package init(host: String, port: UInt16, count: Int) throws(EventsError) {
        if port != 0 { close(try ListeningSocket.bound(.tcp(host: host, port: port), isShared: false)) }
        var opened = [try ListeningSocket.bound(.tcp(host: host, port: port), isShared: true)]
        let port = ListeningSocket.port(of: opened[0])
        do throws(EventsError) {
            while opened.count < count {
                opened.append(try ListeningSocket.bound(.tcp(host: host, port: port), isShared: true))
            }
        } catch {
            for descriptor in opened { close(descriptor) }
            throw error
        }
        self.port = port
        descriptors = opened
        path = nil
    }

    /// Binds a unix socket that all processes accept from: no option spreads connections over several.
    ///
    /// - Throws: ``EventsError`` when another process listens there, or the path cannot be used.
    package init(unix path: String) throws(EventsError) {
        descriptors = [try ListeningSocket.bound(.unix(path: path), isShared: false)]
        port = 0
        self.path = path
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
        if let path { unlink(path) }
    }

    /// All of them, that of one process first.
    package func ordered(first index: Int) -> [Int32] {
        if path != nil { return descriptors }
        return [descriptors[index]] + descriptors.enumerated().filter { $0.offset != index }.map(\.element)
    }
}

/// TCP ports of this machine.
package enum LocalPort {
    /// A loopback port that nobody uses now, for a program that will listen there.
    package static func unused() throws(EventsError) -> UInt16 {
        let descriptor = try ListeningSocket.bound(.tcp(host: "127.0.0.1", port: 0), isShared: false)
        defer { close(descriptor) }
        return ListeningSocket.port(of: descriptor)
    }

    /// Whether a loopback port can be bound now.
    package static func isFree(_ port: UInt16) -> Bool {
        guard let descriptor = try? ListeningSocket.bound(.tcp(host: "127.0.0.1", port: port), isShared: false) else {
            return false
        }
        close(descriptor)
        return true
    }

    /// Whether a process accepts connections at an IPv4 address of this machine.
    package static func accepts(host: String, port: UInt16) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let name = host.isEmpty || host == "0.0.0.0" || host == "localhost" ? "127.0.0.1" : host
        guard inet_pton(AF_INET, name, &address.sin_addr) == 1 else { return false }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
