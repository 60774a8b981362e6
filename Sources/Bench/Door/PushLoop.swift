import Glibc
import Redis

/// The bare loop of the doors: `RPUSH` of one event each, all of them pipelined over one connection, and nothing else. No
/// program can bring events one by one faster than that.
struct PushLoop {
    private let descriptor: Int32
    /// All commands, encoded before the time is taken.
    private let commands: [UInt8]
    private let count: Int

    /// - Throws: ``LoadError`` when the server cannot be reached by its unix socket.
    init(_ events: [[UInt8]], into list: String, at address: RedisAddress) throws(LoadError) {
        guard case .unix(let path) = address.endpoint else { throw LoadError("the server has no unix socket") }
        var commands: [UInt8] = []
        for event in events {
            var command = RedisCommand("RPUSH", list)
            command.append(event)
            commands += command.encoded
        }
        self.commands = commands
        count = events.count
        descriptor = try PushLoop.connect(path)
    }

    /// Sends all, and returns when all are answered.
    func run() throws(LoadError) {
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var (sent, answers) = (0, 0)
        while answers < count {
            let isDone = sent == commands.count
            var wanted = pollfd(fd: descriptor, events: Int16(isDone ? POLLIN : POLLIN | POLLOUT), revents: 0)
            guard poll(&wanted, 1, 60_000) > 0 else { throw LoadError("the server does not answer") }
            if Int32(wanted.revents) & POLLIN != 0 {
                let read = recv(descriptor, &buffer, buffer.count, 0)
                guard read > 0 else { throw LoadError("the server closed the connection") }
                for byte in buffer[..<read] {
                    if byte == UInt8(ascii: "\n") { answers += 1 }
                    // An integer has neither.
                    if byte == UInt8(ascii: "-") { throw LoadError("the server refuses an event") }
                }
            }
            if Int32(wanted.revents) & POLLOUT != 0 {
                sent += commands.withUnsafeBytes { bytes in
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
                    return max(0, send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)))
                }
            }
        }
    }

    private static func connect(_ path: String) throws(LoadError) -> Int32 {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(AF_UNIX, Int32(type), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let isConnected = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else { throw LoadError("cannot connect to \(path): \(LoadError.systemReason)") }
        // From now on, what the socket does not take is to wait until it can.
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw LoadError(LoadError.systemReason) }
        return descriptor
    }
}
