import Foundation
import Glibc
import Synchronization

/// A program that a test runs. It and what it started end with the test process at the latest.
///
/// Its output goes to files, so that it never waits for a reader and can be looked at while it runs.
public final class ChildProcess: Sendable {
    /// The process id; it is the id of the process group as well.
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
    ///   - environment: added to this process's own; an empty value removes the variable.
    ///   - input: what it reads on its standard input.
    ///   - folder: where it runs.
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

    /// What it has written to its standard output so far.
    public var output: String { folder.read("stdout") }

    /// What it has written to its standard error so far.
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

    /// Sends a signal to this process alone; nothing when it has ended.
    public func send(_ signal: Int32) {
        guard isRunning else { return }
        Glibc.kill(pid, signal)
    }

    /// SIGKILL to this process alone: what it started is left to itself.
    public func kill() {
        send(SIGKILL)
    }

    /// SIGKILL to this process and to all that it started in its group.
    public func killGroup() {
        // The leash is dropped under the lock: it must not outlive the group, whose number may be given again.
        state.withLock { state in
            guard state.leash != nil else { return }
            Glibc.kill(-pid, SIGKILL)
            state.leash = nil
        }
    }

    /// Waits for its end.
    ///
    /// - Throws: ``TestSupportError`` when it still runs after `seconds`.
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

    /// Runs `program` to its end.
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

    /// From the status that waitpid(2) gives for an ended process.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .code((waitStatus >> 8) & 0xff) : .signal(signal)
    }
}

/// What a command left behind: how it ended and what it wrote.
public struct CommandResult: Sendable {
    public let exit: ProcessExit
    /// Its standard output.
    public let output: String
    /// Its standard error.
    public let errors: String

    public var succeeded: Bool { exit == .code(0) }
}
