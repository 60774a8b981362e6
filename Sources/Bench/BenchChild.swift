package import Glibc
import Pipeline
import Supervision

/// The programs that a benchmark starts: they end with it, however it ends.
package enum BenchChild {
    /// - Parameter words: the program, looked for on the path, and its arguments.
    /// - Returns: its process id.
    package static func spawn(_ words: [String]) throws -> pid_t {
        try Subprocess.spawn(Subprocess.under(words))
    }
}
