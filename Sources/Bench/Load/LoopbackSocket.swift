internal import CEpoll
import Glibc

/// TCP sockets on 127.0.0.1, for load on servers of this machine.
package enum LoopbackSocket {
    /// Connects to a port, and waits until the connection is established.
    ///
    /// - Throws: ``LoadError`` when no server listens there or no descriptors are left.
    package static func connect(to port: UInt16) throws(LoadError) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw LoadError("no socket: \(LoadError.systemReason); raise the limit of open files (ulimit -n)")
        }
        guard call(Glibc.connect, descriptor, port) == 0 else {
            let reason = LoadError.systemReason
            close(descriptor)
            throw LoadError("cannot connect to 127.0.0.1:\(port): \(reason)")
        }
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        return descriptor
    }

    /// Starts connecting without waiting; nil when that fails at once.
    static func beginConnect(to port: UInt16) -> Int32? {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_INET, Int32(type), 0)
        guard descriptor >= 0 else { return nil }
        if call(Glibc.connect, descriptor, port) == 0 || errno == EINPROGRESS { return descriptor }
        close(descriptor)
        return nil
    }

    /// Opens a non-blocking listening socket on a port that the system chooses.
    static func listen() throws(LoadError) -> (descriptor: Int32, port: UInt16) {
        let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_INET, Int32(type), 0)
        guard descriptor >= 0 else { throw LoadError("no socket: \(LoadError.systemReason)") }
        // Accepted connections inherit this option.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        var bound = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 4096) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard named else { throw LoadError("cannot listen on 127.0.0.1: \(LoadError.systemReason)") }
        return (descriptor, UInt16(bigEndian: bound.sin_port))
    }

    /// Raises this process's limit of open files to the hard limit. Returns that limit.
    @discardableResult
    package static func raiseFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var result = sockaddr_in()
        result.sin_family = sa_family_t(AF_INET)
        result.sin_port = port.bigEndian
        result.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return result
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ port: UInt16
    ) -> Int32 {
        var name = address(port)
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// Why a benchmark cannot run.
package struct LoadError: Error, CustomStringConvertible {
    /// What failed, and what to do about it.
    package let message: String

    init(_ message: String) {
        self.message = message
    }

    package var description: String { message }

    /// The error message of the last system call.
    static var systemReason: String { String(cString: strerror(errno)) }
}

/// An epoll descriptor. Level-triggered: what is ready stays ready until it is taken.
final class EpollHandle {
    /// Owned here: opened in `init`, closed in `deinit`.
    private let descriptor: Int32
    private var events: [epoll_event]

    /// - Throws: ``LoadError`` when the system has no descriptors left.
    init(eventsAtOnce: Int = 512) throws(LoadError) {
        descriptor = epoll_create1(O_CLOEXEC)
        guard descriptor >= 0 else { throw LoadError("epoll_create1: \(LoadError.systemReason)") }
        events = Array(repeating: epoll_event(), count: eventsAtOnce)
    }

    deinit {
        close(descriptor)
    }

    /// Watches a descriptor for input, and for room to write when asked.
    ///
    /// - Parameter token: given back with each readiness.
    func add(_ watched: Int32, token: Int, writes: Bool = false) {
        control(EPOLL_CTL_ADD, watched, token, writes)
    }

    /// Changes whether room to write is watched for.
    func change(_ watched: Int32, token: Int, writes: Bool) {
        control(EPOLL_CTL_MOD, watched, token, writes)
    }

    /// Waits for readiness, and gives each to `body`. A broken connection is readable.
    func wait(milliseconds: Int32, _ body: (_ token: Int, _ isReadable: Bool, _ isWritable: Bool) -> Void) {
        let count = Int(epoll_wait(descriptor, &events, Int32(events.count), milliseconds))
        guard count > 0 else { return }
        for index in 0..<count {
            let ready = events[index].events
            let isReadable = ready & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
            body(Int(events[index].data.u64), isReadable, ready & EPOLLOUT.rawValue != 0)
        }
    }

    private func control(_ operation: Int32, _ watched: Int32, _ token: Int, _ writes: Bool) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (writes ? EPOLLOUT.rawValue : 0)
        event.data.u64 = UInt64(token)
        _ = epoll_ctl(descriptor, operation, watched, &event)
    }
}
