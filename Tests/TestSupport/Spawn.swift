import Glibc

/// Starts `program`, looked up in `PATH` when it has no slash, as the leader of a new process group.
///
/// No signals are blocked or ignored in the child. Swift's worker threads block most signals, and a child that
/// inherited this would not get SIGTERM.
///
/// - Parameter descriptors: become the child's 0, 1 and 2, in this order. CLOEXEC closes all others.
/// - Returns: the process id, which is also the id of its group.
func spawn(
    _ program: String, _ arguments: [String], environment: [String], descriptors: [Int32]
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in descriptors.enumerated() {
        posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var all = sigset_t()
    var none = sigset_t()
    sigfillset(&all)
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var argv = ([program] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { for string in argv + envp { free(string) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, program, &actions, &attributes, &argv, &envp)
    guard code == 0 else { throw TestSupportError.system("cannot start \(program)", code: code) }
    return pid
}

/// Kills a process group when this process ends, in whatever way.
///
/// A shell holds the other end of a socket pair. When the socket closes without a message, because the test process was
/// killed, the shell kills the group. PR_SET_PDEATHSIG is not enough: it follows the thread that started the child, not
/// the process, and does not affect grandchildren.
final class Leash: Sendable {
    private let watchdog: pid_t
    private let line: Int32

    init(group: pid_t) throws {
        var ends: [Int32] = [-1, -1]
        // Not pipe(2): a child that another thread starts could inherit its ends before they are marked CLOEXEC.
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

    /// Releases the group: it is not killed.
    deinit {
        // send, not write: SIGPIPE must not end this process when the watchdog has ended.
        send(line, "\n", 1, Int32(MSG_NOSIGNAL))
        close(line)
        var status: Int32 = 0
        while waitpid(watchdog, &status, 0) == -1, errno == EINTR {}
    }
}
