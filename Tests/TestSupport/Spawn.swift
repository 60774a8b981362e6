import Glibc

/// Starts `program` (found in `PATH` when it has no slash) as the leader of a process group of its own.
///
/// Signals are as in a fresh shell: none blocked, none ignored. Swift's worker threads block most of them, and a child
/// that inherited this would not notice SIGTERM.
///
/// - Parameter descriptors: what becomes the child's 0, 1, 2, in this order. All else is closed by its own CLOEXEC.
/// - Returns: the process id, which is the id of its group as well.
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
