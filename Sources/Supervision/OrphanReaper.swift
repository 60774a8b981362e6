package import Events
package import Glibc

/// Takes in the processes that children of this process leave behind when they die, and ends them: what the programs
/// of a killed worker have started, which nobody else would find.
///
/// Spared is who has made itself a session of its own (setsid(2), as daemons do): it was meant to stay. For one object
/// a process, on the loop of its supervisors.
package final class OrphanReaper {
    private let isOwn: (pid_t) -> Bool
    private var childSignal: SignalEvent?

    /// From now on orphans come to this process.
    ///
    /// - Parameter isOwn: whether somebody in this process has started that child and waits for its end.
    package init(on loop: EventLoop, isOwn: @escaping (pid_t) -> Bool) {
        self.isOwn = isOwn
        ParentDeath.adoptOrphans()
        // An orphan is here before the death of its parent is told.
        childSignal = SignalEvent(on: loop, signal: SIGCHLD) { [unowned self] in self.clear() }
    }

    /// Before this process ends: waits for those that are about to come, a fifth of a second at most.
    package func close() {
        childSignal = nil
        for _ in 0..<40 {
            guard clear() else { return }
            usleep(5000)
        }
    }

    /// Ends the orphans that are here and takes leave of the dead.
    ///
    /// - Returns: whether there were any to be ended.
    @discardableResult
    private func clear() -> Bool {
        var found = false
        for pid in Subprocess.children where !isOwn(pid) {
            if waitpid(pid, nil, WNOHANG) == pid { continue }
            guard getsid(pid) == getsid(0) else { continue }
            found = true
            kill(pid, SIGKILL)
        }
        return found
    }
}
