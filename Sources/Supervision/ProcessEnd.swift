internal import CSpawn
package import Events
import Glibc

/// Ends a process that runs a loop: in order at the first signal, at once at the second.
package final class ExitSignals {
    private var signals: [SignalEvent] = []
    private var count = 0

    /// - Parameters:
    ///   - graceful: called at the first SIGTERM or SIGINT; it ends the loop when the work in hand is done.
    ///   - immediate: called at the second one; it ends the loop within a moment. Without it, and at a third signal,
    ///     the process exits with code 0 there and then.
    package init(on loop: EventLoop, graceful: @escaping () -> Void, immediate: (() -> Void)? = nil) {
        for signal in [SIGTERM, SIGINT] {
            signals.append(
                SignalEvent(on: loop, signal: signal) { [unowned self] in
                    self.count += 1
                    switch self.count {
                    case 1: graceful()
                    case 2: if let immediate { immediate() } else { exit(0) }
                    default: exit(0)
                    }
                })
        }
    }
}

/// Ends this process with its parent, however the parent ends.
package enum ParentDeath {
    /// Has SIGTERM sent to this process when its parent ends, and has the kernel end this process `grace` seconds later
    /// if it still runs: a loop that hangs does not handle SIGTERM, and the supervisor that would kill it is gone.
    ///
    /// Takes SIGUSR2 and SIGALRM. Not kept over exec.
    ///
    /// - Parameters:
    ///   - parent: the parent's process id, as the parent told it: if it has ended already, the signal is sent now.
    ///   - grace: in seconds, at least 1.
    package static func end(withParent parent: Int32, grace: Int) {
        cspawn_end_with_parent(UInt32(clamping: max(1, grace)))
        if getppid() != parent { kill(getpid(), SIGUSR2) }
    }
}
