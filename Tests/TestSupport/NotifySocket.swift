import Glibc
import Synchronization

/// The socket of a service manager, which receives the datagrams of sd_notify(3).
public final class NotifySocket: Sendable {
    /// The value of `NOTIFY_SOCKET`.
    public let path: String
    private let descriptor: Int32
    private let folder: TemporaryFolder
    private let heard = Mutex<[String]>([])

    public init() throws {
        folder = try TemporaryFolder()
        path = folder.file("notify")
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw TestSupportError.system("bind \(path)") }
    }

    deinit {
        close(descriptor)
    }

    /// The lines that were received so far, in order.
    public var lines: [String] {
        heard.withLock { lines in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return lines }
                lines += String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
            }
        }
    }
}
