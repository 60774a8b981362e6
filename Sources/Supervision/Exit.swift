package import Events
import Glibc

/// The end of a process that runs a loop: by signal, in order; by a second signal, at once.
package final class Exit {
    private var signals: [SignalEvent] = []
    private var asked = 0

    /// - Parameters:
    ///   - graceful: called at the first SIGTERM or SIGINT; it is to end the loop in time.
    ///   - immediate: called at the second one; it is to end the loop within a moment. Without it, and at a third one, the
    ///     process exits there and then.
    package init(on loop: EventLoop, graceful: @escaping () -> Void, immediate: (() -> Void)? = nil) {
        for signal in [SIGTERM, SIGINT] {
            signals.append(
                SignalEvent(on: loop, signal: signal) { [unowned self] in
                    self.asked += 1
                    switch self.asked {
                    case 1: graceful()
                    case 2: if let immediate { immediate() } else { Glibc.exit(0) }
                    default: Glibc.exit(0)
                    }
                })
        }
    }
}
