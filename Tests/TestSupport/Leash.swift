import Glibc

/// Ends a process group when this process ends, however it ends.
///
/// A small shell holds the other end of a line. When the line closes without a word, because the test process was
/// killed, it kills the group. PR_SET_PDEATHSIG would do less: it follows the thread that made the child, not the
/// process, and says nothing about grandchildren.
final class Leash: Sendable {
    private let watchdog: pid_t
    private let line: Int32

    init(group: pid_t) throws {
        var ends: [Int32] = [-1, -1]
        // Not pipe(2): its ends could reach a child that another thread is making, before they are marked CLOEXEC.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw TestSupportError.system("socketpair") }
        defer { close(ends[0]) }
        line = ends[1]
        do {
            watchdog = try spawn(
                "/bin/sh", ["-c", "read _ || kill -KILL -\(group)"],
                environment: [], descriptors: [ends[0]])
        } catch {
            close(ends[1])
            throw error
        }
    }

    /// Lets go: the group is left alone from now on.
    deinit {
        // send, not write: a watchdog that is gone must not end this process with SIGPIPE.
        send(line, "\n", 1, Int32(MSG_NOSIGNAL))
        close(line)
        var status: Int32 = 0
        while waitpid(watchdog, &status, 0) == -1, errno == EINTR {}
    }
}
