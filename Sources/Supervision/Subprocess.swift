internal import CSpawn
package import Glibc

/// A program could not be started.
package struct SpawnError: Error, CustomStringConvertible {
    package let program: String
    /// The `errno` that says why.
    package let code: Int32

    package var message: String { "cannot start \(program): \(String(cString: strerror(code)))" }
    package var description: String { message }
}

/// Starting programs, and how they ended.
///
/// Each gets a process group of its own, so that Ctrl-C reaches only the supervisor, which ends its children in order.
/// Its signals are as in a fresh shell, whatever this process blocks or ignores.
package enum Subprocess {
    /// The three pipes of a program: this process's ends, non-blocking and close-on-exec.
    package struct Pipes {
        /// To its standard input.
        package let input: Int32
        /// From its standard output.
        package let output: Int32
        /// From its standard error.
        package let errors: Int32
    }

    /// Starts a program in the environment and working folder of this process.
    ///
    /// - Parameters:
    ///   - arguments: the first names the program, which is looked up in `PATH` when it has no slash.
    ///   - descriptors: those that it gets, under the same numbers, besides the standard three.
    ///   - signal: sent to it by the kernel when the calling thread ends, however that happens; nil: none.
    /// - Returns: its process id. The caller waits for its end.
    package static func spawn(
        _ arguments: [String], inheriting descriptors: [Int32] = [], parentDeathSignal signal: Int32? = nil
    ) throws(SpawnError) -> pid_t {
        try start(arguments, descriptors, nil, signal)
    }

    /// Starts a program as ``spawn(_:inheriting:parentDeathSignal:)`` does, with pipes as its standard three.
    ///
    /// - Returns: its process id, and the pipes, which the caller closes.
    package static func spawnPiped(
        _ arguments: [String], parentDeathSignal signal: Int32? = nil
    ) throws(SpawnError) -> (pid: pid_t, pipes: Pipes) {
        var ends: [Int32] = [-1, -1, -1]
        let pid = try ends.withUnsafeMutableBufferPointer { buffer throws(SpawnError) in
            try start(arguments, [], buffer.baseAddress, signal)
        }
        return (pid, Pipes(input: ends[0], output: ends[1], errors: ends[2]))
    }

    private static func start(
        _ arguments: [String], _ descriptors: [Int32], _ pipes: UnsafeMutablePointer<Int32>?, _ signal: Int32?
    ) throws(SpawnError) -> pid_t {
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for case let word? in argv { free(word) } }
        var pid: pid_t = 0
        let code = cspawn_start(&argv, descriptors, Int32(descriptors.count), pipes, signal ?? 0, &pid)
        guard code == 0 else { throw SpawnError(program: arguments.first ?? "", code: code) }
        return pid
    }

    /// The path of the program that runs now.
    package static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// How a child of this process ended, as waitpid(2) says it; nil while it runs. The process id is free afterwards.
    package static func status(of pid: pid_t) -> Int32? {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == pid ? status : nil
    }

    /// A status of waitpid(2) in words: `exit 1`, `signal 9`.
    package static func describe(_ status: Int32) -> String {
        let signal = status & 0x7f
        return signal == 0 ? "exit \((status >> 8) & 0xff)" : "signal \(signal)"
    }

    /// A descriptor that can be read once a child has ended, which the caller closes; nil where the kernel has none
    /// (before Linux 5.3).
    package static func exitDescriptor(of pid: pid_t) -> Int32? {
        let descriptor = cspawn_exit_descriptor(pid)
        return descriptor < 0 ? nil : descriptor
    }

    /// The bytes that were written to a pipe and not read yet; still known after the reader has ended.
    package static func unread(in pipe: Int32) -> Int {
        max(0, Int(cspawn_unread(pipe)))
    }
}
