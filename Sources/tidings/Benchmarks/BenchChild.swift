import Glibc
import Pipeline

/// The programs that a benchmark starts: they end with it, however it ends.
enum BenchChild {
    /// - Parameter words: the program, looked for on the path, and its arguments.
    /// - Returns: its process id.
    static func spawn(_ words: [String]) throws -> pid_t {
        try ChildProcess.spawn(Under.words(words))
    }
}
