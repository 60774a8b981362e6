import Console
import Glibc

/// A TCP port that is bound and not listened on.
package final class ReservedPort {
    package let port: UInt16
    private let descriptor: Int32

    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - shared: whether others may bind it as well (SO_REUSEPORT).
    /// - Returns: nil when the port is taken or the host is no IPv4 address of this machine.
    package init?(host: String, port: UInt16, shared: Bool) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard
            inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.isEmpty ? "0.0.0.0" : host, &address.sin_addr)
                == 1
        else { return nil }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if shared { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        close(descriptor)
    }

    /// A loopback port that was free a moment ago, for a program that is to listen there.
    package static func freePort() throws -> UInt16 {
        guard let reserved = ReservedPort(host: "127.0.0.1", port: 0, shared: false) else {
            throw CommandError("no free port on 127.0.0.1")
        }
        return reserved.port
    }
}
