import Glibc

/// Where a server listens: a TCP port or a unix socket.
public enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A host name or address and a port; port 0 lets the system choose one.
    case tcp(host: String, port: UInt16)
    /// A unix socket's path.
    case unix(path: String)

    /// Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (all addresses) or `unix:/PATH`.
    public init(parsing text: String) throws(EventsError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty, path.utf8.count < 108 else {
                throw EventsError(code: EINVAL, message: "a unix socket's path has 1 to 107 bytes: \(text)")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw EventsError(code: EINVAL, message: "'\(text)' is no address: give HOST:PORT or unix:/PATH")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw EventsError(code: EINVAL, message: "write an IPv6 address in brackets, as in [::1]:8080: \(text)")
        }
        self = .tcp(host: host, port: port)
    }

    /// Whether only this machine can reach it. A unix socket does not count: what listens there stands behind a proxy.
    public var isLoopback: Bool {
        guard case .tcp(let host, _) = self else { return false }
        let isNumeric = host.allSatisfy { $0.isNumber || $0 == "." }
        return host == "localhost" || host == "::1" || (host.hasPrefix("127.") && isNumeric)
    }

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
