internal import CEvent
import Glibc

/// Ending with one's parent, and becoming the parent of those who have none any more.
package enum ParentDeath {
    /// Has the kernel send this process a signal when its parent ends, however that happens. Kept over exec.
    ///
    /// - Parameters:
    ///   - parent: the parent's process id, as the parent told it: when it has ended already the signal is sent now.
    ///   - signal: usually SIGTERM.
    package static func deliver(_ signal: Int32, ofParent parent: Int32) {
        _ = tidings_signal_on_parent_death(signal)
        if getppid() != parent { kill(getpid(), signal) }
    }

    /// Has descendants of this process become its children when their parents end, instead of children of process 1.
    package static func adoptOrphans() {
        _ = tidings_adopt_orphans()
    }

    /// Has this process get SIGTERM when its parent ends, and has the kernel end it `grace` seconds later if it is there
    /// still: one whose loop hangs hears no SIGTERM, and has no supervisor any more that would kill it. SIGUSR2 and SIGALRM
    /// are taken for that. Not kept over exec.
    ///
    /// - Parameters:
    ///   - parent: as in ``deliver(_:ofParent:)``.
    ///   - grace: at least 1.
    package static func end(withParent parent: Int32, grace: Int) {
        tidings_end_with_parent(UInt32(clamping: max(1, grace)))
        if getppid() != parent { kill(getpid(), SIGUSR2) }
    }
}
