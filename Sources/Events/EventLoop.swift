internal import CEvent
import Glibc

/// The event loop of a process: file descriptors, timers and signals over one libevent base.
///
/// A loop belongs to one thread: it runs all callbacks on the thread that called ``run()``, and nothing of this module
/// may be used from another thread. Every ``FileEvent``, ``Timer`` and ``SignalEvent`` retains its loop, since the loop
/// must outlive them.
public final class EventLoop {
    /// The libevent base. Owned here: created in `init`, freed in `deinit`. Used only inside this module.
    let base: OpaquePointer
    /// What drives the loop in place of the system; nil: nothing does.
    package let driver: (any LoopDriver)?

    /// Creates a loop. From then on the process ignores SIGPIPE.
    ///
    /// - Throws: ``EventsError`` when the system has no descriptors or memory left.
    public convenience init() throws(EventsError) {
        try self.init(drivenBy: nil)
    }

    /// Creates a loop whose timers and deferrals run when the driver says so. It must not be run, and descriptors and
    /// signals are not watched.
    package init(drivenBy driver: (any LoopDriver)?) throws(EventsError) {
        self.driver = driver
        // Writing to a socket whose peer has closed must fail with an error, not end the process.
        signal(SIGPIPE, SIG_IGN)
        guard let base = event_base_new() else {
            throw EventsError(
                code: errno, message: "the system cannot create an event loop; raise the limit of open files")
        }
        self.base = base
    }

    deinit {
        event_base_free(base)
    }

    /// The loop that runs on the calling thread; nil outside of ``run()`` and ``runOnce(wait:)``. It may be used only
    /// on this thread.
    public static var current: EventLoop? {
        pthread_getspecific(running).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs callbacks until ``stop()`` is called or there is nothing to wait for.
    public func run() {
        asCurrent { event_base_dispatch(base) }
    }

    /// Runs the callbacks that are due and returns. With `wait`, waits for at least one event before.
    public func runOnce(wait: Bool) {
        asCurrent { event_base_loop(base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK)) }
    }

    /// Makes ``run()`` return after the current callback.
    public func stop() {
        event_base_loopbreak(base)
    }

    /// The key under which each thread stores the loop that it runs.
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

/// Why an event loop or its thread cannot be created.
public struct EventsError: Error, CustomStringConvertible {
    /// The error number of the system (`errno`).
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
