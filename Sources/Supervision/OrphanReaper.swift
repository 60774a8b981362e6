internal import CSpawn
package import Events
package import Glibc

/// Adopts the processes that children of this process leave behind when they die, and kills them: above all the
/// programs of a killed worker, which nobody else would find.
///
/// Processes that called setsid(2), as daemons do, are left alone. Make one object a process, on the loop of its
/// supervisors.
package final class OrphanReaper {
    private let isOwn: (pid_t) -> Bool
    private var childSignal: SignalEvent?

    /// Time that ``close()`` waits for orphans, in tries and microseconds between two tries.
    private static let closing = (tries: 40, interval: UInt32(5000))

    /// From now on orphans become children of this process.
    ///
    /// - Parameter isOwn: whether this process has started a child itself and waits for its end.
    package init(on loop: EventLoop, isOwn: @escaping (pid_t) -> Bool) {
        self.isOwn = isOwn
        cspawn_adopt_orphans()
        // The kernel hands orphans on before it reports the death of their parent.
        childSignal = SignalEvent(on: loop, signal: SIGCHLD) { [unowned self] in self.reap() }
    }

    /// Call before this process ends: kills the orphans that are left, for 0.2 s at most.
    package func close() {
        childSignal = nil
        for _ in 0..<OrphanReaper.closing.tries {
            guard reap() else { return }
            usleep(OrphanReaper.closing.interval)
        }
    }

    /// Kills the orphans that run, and waits for those that have ended.
    ///
    /// - Returns: whether there were any to be killed.
    @discardableResult
    private func reap() -> Bool {
        var found = false
        for pid in OrphanReaper.children where !isOwn(pid) {
            if waitpid(pid, nil, WNOHANG) == pid { continue }
            guard getsid(pid) == getsid(0) else { continue }
            found = true
            kill(pid, SIGKILL)
        }
        return found
    }

    /// All children of this process, ended ones that were not waited for included. Source: proc(5), `children`.
    private static var children: [pid_t] {
        guard let tasks = opendir("/proc/self/task") else { return [] }
        defer { closedir(tasks) }
        var found: [pid_t] = []
        // The kernel lists children by the thread that started them.
        while let task = readdir(tasks) {
            let name = withUnsafeBytes(of: &task.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let file = fopen("/proc/self/task/\(name)/children", "r") else { continue }
            defer { fclose(file) }
            var pid: pid_t = 0
            var character = fgetc(file)
            while character != EOF {
                if character == 0x20 {
                    found.append(pid)
                    pid = 0
                } else {
                    pid = pid * 10 + (character - 0x30)
                }
                character = fgetc(file)
            }
        }
        return found
    }
}
