internal import CEvent
import Glibc

/// The event loop of a process: file descriptors, timers and signals over one libevent base.
///
/// One loop, one thread: everything that a loop calls runs on the thread that called ``run()``, and nothing here may be
/// touched from another thread. The loop must outlive every ``FileEvent``, ``Timer`` and ``SignalEvent`` made on it;
/// each of these keeps the loop alive, so this holds by itself.
public final class EventLoop {
    /// The libevent base. Owned here: made in `init`, freed in `deinit`. Read only by the files of this module.
    let base: OpaquePointer

    /// Makes a loop.
    ///
    /// - Throws: ``EventsError`` when the system has no event mechanism left to give (no descriptors, no memory).
    public init() throws(EventsError) {
        // Writing to a socket whose peer has left must be an error code, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        guard let base = event_base_new() else {
            throw EventsError(code: errno, message: "the system gave no event base; raise the limit of open files")
        }
        self.base = base
    }

    deinit {
        event_base_free(base)
    }

    /// The loop that runs on the calling thread right now; nil outside of ``run()`` and ``runOnce(wait:)``.
    ///
    /// For code that is called by a loop and wants to make events on it. What is given belongs to this thread.
    public static var current: EventLoop? {
        pthread_getspecific(running).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs callbacks until ``stop()`` is called or nothing is left to wait for.
    public func run() {
        asCurrent { event_base_dispatch(base) }
    }

    /// Runs what is ready now and returns; waits for one event first when `wait` is true.
    public func runOnce(wait: Bool) {
        asCurrent { event_base_loop(base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) }
    }

    /// Makes ``run()`` return after the callback that is running now.
    public func stop() {
        event_base_loopbreak(base)
    }

    /// Names the loop of each thread that runs one.
    private static let running: pthread_key_t = {
        var key = pthread_key_t()
        precondition(pthread_key_create(&key, nil) == 0, "the process has no thread-specific key left")
        return key
    }()

    private func asCurrent(_ run: () -> Int32) {
        let outer = pthread_getspecific(EventLoop.running)
        pthread_setspecific(EventLoop.running, Unmanaged.passUnretained(self).toOpaque())
        _ = run()
        pthread_setspecific(EventLoop.running, outer)
    }
}

/// What went wrong in the event loop's module.
public struct EventsError: Error, CustomStringConvertible {
    /// The system's error number (`errno`).
    public let code: Int32
    /// What failed, and what to do about it.
    public let message: String

    public init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String {
        "\(message) (\(String(cString: strerror(code))))"
    }
}
