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

    /// Runs callbacks until ``stop()`` is called or nothing is left to wait for.
    public func run() {
        event_base_dispatch(base)
    }

    /// Runs what is ready now and returns; waits for one event first when `wait` is true.
    public func runOnce(wait: Bool) {
        event_base_loop(base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK))
    }

    /// Makes ``run()`` return after the callback that is running now.
    public func stop() {
        event_base_loopbreak(base)
    }
}
