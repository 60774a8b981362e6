internal import CEvent
import Glibc

/// Ending with one's parent.
public enum ParentDeath {
    /// Has the kernel send this process a signal when its parent ends, however that happens. Kept over exec.
    ///
    /// - Parameters:
    ///   - parent: the parent's process id, as the parent told it: when it has ended already the signal is sent now.
    ///   - signal: usually SIGTERM.
    public static func deliver(_ signal: Int32, ofParent parent: Int32) {
        _ = tidings_signal_on_parent_death(signal)
        if getppid() != parent { kill(getpid(), signal) }
    }
}
