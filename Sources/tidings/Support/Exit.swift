import Events
import Glibc

/// The end of a process that runs a loop: by signal, in order; by a second signal, at once.
final class Exit {
    private var signals: [SignalEvent] = []
    private var asked = false

    /// - Parameters:
    ///   - graceful: called at the first SIGTERM or SIGINT; it is to end the loop in time.
    ///   - immediate: called at the second one, just before the process exits.
    init(on loop: EventLoop, graceful: @escaping () -> Void, immediate: @escaping () -> Void = {}) {
        for signal in [SIGTERM, SIGINT] {
            signals.append(
                SignalEvent(on: loop, signal: signal) { [unowned self] in
                    if self.asked {
                        immediate()
                        Glibc.exit(0)
                    }
                    self.asked = true
                    graceful()
                })
        }
    }
}
