import Foundation
import Glibc

/// Packages of Python's index, unmodified, in a virtual environment of their own.
///
/// The environment is kept beside the built programs, since making it takes seconds.
public struct PythonEnvironment: Sendable {
    /// pip cannot reach its index: a test that needs a package cannot run, which is no fault of this project.
    public struct IndexUnreachable: Error {}

    /// The interpreter that finds the packages.
    public let python: String
    private let folder: TemporaryFolder

    /// Finds the environment, or makes it and installs the packages: `["PyJWT==2.15.1"]`.
    ///
    /// - Throws: ``IndexUnreachable`` when pip cannot reach its index; any other failure as itself.
    public init(_ requirements: [String]) throws {
        folder = try TemporaryFolder()
        let products = URL(fileURLWithPath: try BuiltProgram.path(of: "JobWorker")).deletingLastPathComponent()
        let name = requirements.joined(separator: "-").map { $0.isLetter || $0.isNumber || $0 == "." ? $0 : "-" }
        let kept = products.appendingPathComponent("python-\(String(name))").path
        python = kept + "/bin/python"
        // Test processes run at the same time: one makes it, the others wait.
        let lock = open(kept + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw TestSupportError.system("open \(kept).lock") }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw TestSupportError.system("flock \(kept).lock") }
        if try !Self.isWhole(python) { try Self.make(requirements, at: kept) }
    }

    /// Writes a program and gives its path.
    public func write(_ program: String, to name: String) throws -> String {
        try folder.write(program, to: name)
    }

    /// Runs a program to its end.
    public func run(_ program: String, _ arguments: [String] = [], input: String = "") throws -> CommandResult {
        try ChildProcess.run(python, [program] + arguments, input: input)
    }

    /// Whether the packages were all installed, by the same release of Python.
    private static func isWhole(_ python: String) throws -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python) else { return false }
        let check = "import sys; assert open(sys.prefix + '/installed').read() == sys.version"
        return try ChildProcess.run(python, ["-c", check]).succeeded
    }

    private static func make(_ requirements: [String], at path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        let made = try ChildProcess.run("python3", ["-m", "venv", path], within: 120)
        guard made.succeeded else {
            throw TestSupportError("python3 -m venv (Debian: python3-venv): \(made.output)\(made.errors)")
        }
        let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
        let installed = try ChildProcess.run(path + "/bin/python", arguments + requirements, within: 300)
        guard installed.succeeded else {
            // pip retries when a connection fails, not when a package is missing.
            guard installed.errors.contains("Retrying (") else {
                throw TestSupportError("pip install \(requirements): \(installed.errors)")
            }
            throw IndexUnreachable()
        }
        let mark = "import sys; open(sys.prefix + '/installed', 'w').write(sys.version)"
        let marked = try ChildProcess.run(path + "/bin/python", ["-c", mark])
        guard marked.succeeded else { throw TestSupportError("\(path)/installed: \(marked.errors)") }
    }
}
