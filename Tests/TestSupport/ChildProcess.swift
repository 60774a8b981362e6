import Foundation
import Glibc
import Synchronization

/// A program that a test runs. It ends with the test process at the latest, and so does its process group.
///
/// Its output goes to files, so it never blocks on a reader, and a test can read it while the program runs.
public final class ChildProcess: Sendable {
    /// The process id, which is also the id of its process group.
    public let pid: Int32

    private let name: String
    private let folder: TemporaryFolder
    private let state: Mutex<State>

    private struct State {
        var exit: ProcessExit?
        var leash: Leash?
    }

    /// Starts `program`, which is looked up in `PATH` when it has no slash.
    ///
    /// - Parameters:
    ///   - environment: added to this process's environment; an empty value removes the variable.
    ///   - input: its standard input.
    ///   - workingFolder: its working folder.
    public init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
        input: String = "", in workingFolder: String? = nil
    ) throws {
        name = program
        folder = try TemporaryFolder()
        try folder.write(input, to: "stdin")
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for (name, flags) in [("stdin", O_RDONLY), ("stdout", O_WRONLY | O_CREAT), ("stderr", O_WRONLY | O_CREAT)] {
            let descriptor = open(folder.file(name), flags | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw TestSupportError.system("open \(name)") }
            descriptors.append(descriptor)
        }
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let command = (workingFolder.map { ["env", "--chdir=\($0)"] } ?? []) + [program] + arguments
        pid = try spawn(
            command[0], Array(command.dropFirst()),
            environment: variables.filter { !$0.value.isEmpty }.map { "\($0.key)=\($0.value)" },
            descriptors: descriptors)
        state = Mutex(State(exit: nil, leash: try Leash(group: pid)))
    }

    deinit {
        killGroup()
        _ = try? wait(within: 5)
    }

    /// Its standard output so far.
    public var output: String { folder.read("stdout") }

    /// Its standard error so far.
    public var errors: String { folder.read("stderr") }

    public var isRunning: Bool { exit == nil }

    /// How it ended; nil while it runs.
    public var exit: ProcessExit? {
        state.withLock { state in
            if state.exit == nil {
                var status: Int32 = 0
                if waitpid(pid, &status, WNOHANG) == pid { state.exit = ProcessExit(waitStatus: status) }
            }
            return state.exit
        }
    }

    /// Sends a signal to this process only; does nothing when it has ended.
    public func send(_ signal: Int32) {
        guard isRunning else { return }
        Glibc.kill(pid, signal)
    }

    /// Sends SIGKILL to this process only, not to its group.
    public func kill() {
        send(SIGKILL)
    }

    /// Sends SIGKILL to the process group.
    public func killGroup() {
        // The leash is released under the lock: it must not outlive the group, whose id may be used again.
        state.withLock { state in
            guard state.leash != nil else { return }
            Glibc.kill(-pid, SIGKILL)
            state.leash = nil
        }
    }

    /// Waits until it has ended.
    ///
    /// - Throws: ``TestSupportError`` when it runs longer than `seconds`.
    @discardableResult
    public func wait(within seconds: Double = 30) throws -> ProcessExit {
        var ended: ProcessExit?
        try eventually(within: seconds, "\(name) ends; it wrote: \(errors.suffix(2000))", every: 0.002) {
            ended = exit
            return ended != nil
        }
        guard let ended else { throw TestSupportError("\(name) has no exit status") }
        return ended
    }

    /// Runs `program` until it ends.
    public static func run(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
        input: String = "", in folder: String? = nil, within seconds: Double = 30
    ) throws -> CommandResult {
        let process = try ChildProcess(program, arguments, environment: environment, input: input, in: folder)
        let exit = try process.wait(within: seconds)
        return CommandResult(exit: exit, output: process.output, errors: process.errors)
    }
}

/// How a process ended.
public enum ProcessExit: Equatable, Sendable {
    /// It returned this exit code.
    case code(Int32)
    /// This signal killed it.
    case signal(Int32)

    /// Decodes the status of waitpid(2).
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .code((waitStatus >> 8) & 0xff) : .signal(signal)
    }
}

/// The result of a command: how it ended, and its output.
public struct CommandResult: Sendable {
    public let exit: ProcessExit
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String

    public var succeeded: Bool { exit == .code(0) }
}
