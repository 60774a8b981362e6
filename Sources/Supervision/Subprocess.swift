package import Glibc
package import Pipeline

/// Starting a process, and what became of it.
package enum Subprocess {
    /// Starts a program with these arguments (the first names it) in this environment and working folder.
    ///
    /// - Parameter descriptors: those that it gets, under the same numbers, besides the standard three.
    package static func spawn(_ arguments: [String], descriptors: [Int32] = []) throws(PipelineError) -> pid_t {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        // From a descriptor to itself: it is not closed on exec.
        for descriptor in descriptors { posix_spawn_file_actions_adddup2(&files, descriptor, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Ctrl-C is for the supervisor, which ends its children in order: each gets a group of its own. Nothing that the
        // parent ignores or blocks is to be inherited.
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for case let word? in argv { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, arguments[0], &files, &attributes, argv, environ)
        guard result == 0 else {
            throw PipelineError(.process, "cannot start \(arguments[0]): \(String(cString: strerror(result)))")
        }
        return pid
    }

    /// The words that start another program so that it ends with this process: `tidings under`.
    package static func under(_ command: [String]) -> [String] {
        [ownPath, "under", "--parent", String(getpid()), "--"] + command
    }

    /// The path of the program that runs now.
    package static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// All children of this process, dead ones that nobody has waited for among them. Source: proc(5), `children`.
    static var children: [pid_t] {
        guard let tasks = opendir("/proc/self/task") else { return [] }
        defer { closedir(tasks) }
        var found: [pid_t] = []
        // Each thread has children of its own.
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

    /// How a process ended, from what waitpid() says: for a person.
    package static func describe(_ status: Int32) -> String {
        let signal = status & 0x7f
        return signal == 0 ? "exit \((status >> 8) & 0xff)" : "signal \(signal)"
    }
}
