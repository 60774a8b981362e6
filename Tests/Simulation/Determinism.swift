import Glibc

/// What has to hold for the whole process before the simulator runs in it.
package enum Determinism {
    /// Starts the program anew, in this process, when its hash tables have no fixed order yet. Call it first.
    package static func ensure() {
        let variable = "SWIFT_DETERMINISTIC_HASHING"
        guard getenv(variable) == nil else { return }
        setenv(variable, "1", 1)
        var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &arguments)
        perror("execv /proc/self/exe")
        exit(1)
    }
}
