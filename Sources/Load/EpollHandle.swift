internal import CEpoll
import Glibc

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
