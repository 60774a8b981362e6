import Glibc
import Redis
import TestSupport

/// A connection to a simulated server that is used step by step: a command is sent, and its reply is waited for.
final class ServerSocket {
    private let descriptor: Int32
    private var reader = RESPReader()
    /// The server has closed the connection.
    private(set) var isClosed = false

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ServerSocket.failure("socket") }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let code = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else {
            let error = ServerSocket.failure("connect \(path)")
            close(descriptor)
            throw error
        }
        // Longer than any command takes: a server that does not answer is a fault of the simulator.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// The error of a system call that has failed.
    static func failure(_ call: String) -> TestSupportError {
        TestSupportError("\(call): \(String(cString: strerror(errno)))")
    }

    func send(_ command: RedisCommand) {
        let bytes = command.encoded
        var sent = 0
        while sent < bytes.count, !isClosed {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count } else { isClosed = true }
        }
    }

    /// Waits for the next reply or push; nil when the connection is closed.
    func receive() -> RedisValue? {
        while true {
            if let value = reader.next() { return value }
            guard fill(waits: true) else { return nil }
        }
    }

    /// What has arrived, without waiting.
    func drain() -> [RedisValue] {
        while fill(waits: false) {}
        var values: [RedisValue] = []
        while let value = reader.next() { values.append(value) }
        return values
    }

    /// Sends a command and waits for its reply.
    @discardableResult
    func call(_ command: RedisCommand) -> Result<RedisValue, RedisError> {
        send(command)
        switch receive() {
        case nil: return .failure(RedisError(.disconnected, "the server closed the connection"))
        case .error(let error): return .failure(error)
        case let value?: return .success(value)
        }
    }

    /// Reads what there is. False when there is nothing, or the connection is closed.
    private func fill(waits: Bool) -> Bool {
        guard !isClosed else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
            let count = recv(descriptor, buffer.baseAddress, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
            if count > 0 {
                reader.feed(buffer[..<count])
                return true
            }
            if count == 0 || errno != EAGAIN && errno != EINTR {
                isClosed = true
            } else if waits {
                preconditionFailure("the simulated server does not answer")
            }
            return false
        }
    }
}
