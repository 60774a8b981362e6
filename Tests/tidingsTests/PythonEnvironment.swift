import Foundation
import Supervision
import TestSupport

/// Packages of Python's index, unmodified, in a virtual environment of their own.
struct PythonEnvironment {
    /// Why there is none although nothing of ours is at fault.
    struct IndexUnreachable: Error {}

    private let folder: TemporaryFolder

    /// Makes the environment and installs the packages: `["PyJWT==2.15.1"]`.
    ///
    /// - Throws: ``IndexUnreachable`` when pip found no way to its index; any other failure as itself.
    init(_ requirements: [String]) throws {
        folder = try TemporaryFolder()
        let made = try ChildProcess.run("python3", ["-m", "venv", folder.file("venv")], within: 120)
        guard made.succeeded else {
            throw TestSupportError("python3 -m venv (Debian: python3-venv): \(made.output)\(made.errors)")
        }
        let arguments = ["install", "--quiet", "--disable-pip-version-check", "--retries", "2"] + requirements
        let installed = try ChildProcess.run(folder.file("venv/bin/pip"), arguments, within: 300)
        if !installed.succeeded {
            // pip says that it tries again only where a connection failed, not where a package is missing.
            guard installed.errors.contains("Retrying (") else {
                throw TestSupportError("pip install \(requirements): \(installed.errors)")
            }
            throw IndexUnreachable()
        }
    }

    /// The interpreter that finds them.
    var python: String { folder.file("venv/bin/python") }

    /// Writes a program and gives its path.
    func write(_ program: String, to name: String) throws -> String {
        try folder.write(program, to: name)
    }

    /// Runs a program to its end.
    func run(_ program: String, _ arguments: [String] = [], input: String = "") throws -> CommandResult {
        try ChildProcess.run(python, [program] + arguments, input: input)
    }
}
