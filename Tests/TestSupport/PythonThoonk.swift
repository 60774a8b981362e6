import Foundation

/// The PyPI package `thoonk` 1.0.1.0, unmodified, on Python 3, in a virtual environment of its own: another
/// implementation of the contract, on the same server. See Python/thoonk_adapter.py.
public final class PythonThoonk: Sendable {
    /// The release the tests are written against.
    public static let requirement = "thoonk==1.0.1.0"

    private let folder: TemporaryFolder
    private let process: ChildProcess
    private let socket: String

    /// The environment is made once for each test process.
    private static let environment = Result { try makeEnvironment() }

    /// Starts it beside a server.
    ///
    /// - Throws: ``PackageIndexUnreachable`` when pip found no way to its index; any other failure as itself.
    public init(beside server: RedisServer) throws {
        let python = try Self.environment.get().file("venv/bin/python")
        folder = try TemporaryFolder()
        socket = folder.file("thoonk.sock")
        let adapter = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Python/thoonk_adapter.py").path
        process = try ChildProcess(python, ["-B", "-u", adapter, socket, server.socket])
        try eventually(within: 30, "the adapter listens: \(process.errors)", every: 0.02) {
            guard process.isRunning else { throw TestSupportError("the adapter ended: \(process.errors)") }
            return (try? StreamSocket(unix: socket)) != nil
        }
    }

    /// What it complained of.
    public var errors: String { process.errors }

    /// A client of its own: one connection, one instance of `Thoonk`.
    public func client() throws -> PythonThoonkClient {
        PythonThoonkClient(try StreamSocket(unix: socket), adapter: self)
    }

    private static func makeEnvironment() throws -> TemporaryFolder {
        let environment = try TemporaryFolder()
        let made = try ChildProcess.run("python3", ["-m", "venv", environment.file("venv")], within: 120)
        guard made.succeeded else {
            throw TestSupportError("python3 -m venv (Debian: python3-venv): \(made.output)\(made.errors)")
        }
        let arguments = [
            "install", "--quiet", "--disable-pip-version-check", "--retries", "2", requirement, "redis>=5,<9",
        ]
        let installed = try ChildProcess.run(environment.file("venv/bin/pip"), arguments, within: 300)
        if !installed.succeeded {
            // pip says that it tries again only where a connection failed, not where a package is missing.
            guard installed.errors.contains("Retrying (") else {
                throw TestSupportError("pip install \(requirement): \(installed.errors)")
            }
            throw PackageIndexUnreachable()
        }
        return environment
    }
}
