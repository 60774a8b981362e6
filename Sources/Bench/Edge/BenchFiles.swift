import Console
package import Glibc

/// Files through which the processes of a benchmark tell each other how far they are. Each appears whole or not at all.
package enum BenchFiles {
    package static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path + ".new", "w") else { throw CommandError("cannot write to \(path)") }
        fputs(text, file)
        fclose(file)
        guard rename(path + ".new", path) == 0 else { throw CommandError("cannot write to \(path)") }
    }

    /// Nil while there is none.
    package static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits for a file.
    ///
    /// - Parameter pid: the process that is to write it: when that has ended there is nothing to wait for.
    package static func wait(for path: String, from pid: pid_t, seconds: Double) throws -> String {
        for _ in 0..<Int(seconds * 200) {
            if let text = read(path) { return text }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid, read(path) == nil {
                throw CommandError("a process of the benchmark ended before its time")
            }
            usleep(5000)
        }
        throw CommandError("a process of the benchmark did not get ready in \(Int(seconds)) s")
    }
}
