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
