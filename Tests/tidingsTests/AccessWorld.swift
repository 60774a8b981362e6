import Supervision
import TestSupport

/// A Redis, a folder with keys and a tidings.yaml, and edges that read it.
final class AccessWorld {
    let folder: TemporaryFolder
    let server: RedisServer

    /// - Parameter edge: what stands below `edge:`, two spaces further in. `FOLDER` stands for the folder's path.
    init(edge: String) throws {
        folder = try TemporaryFolder()
        server = try RedisServer()
        try configure(edge)
    }

    var configuration: String { folder.file("tidings.yaml") }

    func configure(_ edge: String) throws {
        let lines = edge.split(separator: "\n").map { "  \($0)\n" }.joined()
        try folder.write("edge:\n" + lines.replacingOccurrences("FOLDER", folder.path), to: "tidings.yaml")
    }

    /// Starts edges and waits until they are ready.
    func launch(
        workers: Int = 1, _ arguments: [String] = [], environment: [String: String] = [:]
    ) throws -> (process: ChildProcess, port: UInt16) {
        let process = try TidingsBinary.launch(
            [
                "edge", "--workers", "\(workers)", "--listen", "127.0.0.1:0", "--config", configuration, "--redis",
                server.url,
            ] + arguments, environment: environment)
        var port: UInt16?
        try eventually(within: 20, "the edge is ready: \(process.output)\(process.errors)") {
            guard process.isRunning else { throw TestSupportError("the edge ended: \(process.errors)") }
            port = process.output.split(separator: "\n").first?.split(separator: ":").last.flatMap { UInt16($0) }
            return port.map { (try? HTTPClient(port: $0).get("/ready").status) == 200 } ?? false
        }
        guard let port else { throw TestSupportError("the edge has no port") }
        return (process, port)
    }

    /// Runs `tidings token`.
    func token(_ arguments: String..., environment: [String: String] = [:]) throws -> CommandResult {
        try TidingsBinary.run(["token", "--config", configuration] + arguments, environment: environment)
    }

    /// Runs openssl, which everybody makes keys with.
    func openssl(_ arguments: String...) throws {
        let result = try ChildProcess.run("openssl", arguments, in: folder.path)
        guard result.succeeded else { throw TestSupportError("openssl \(arguments): \(result.errors)") }
    }

    /// A key pair on the curve P-256: NAME.pem and NAME.pub.
    func makeKeys(_ name: String) throws {
        try openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "\(name).pem")
        try openssl("pkey", "-in", "\(name).pem", "-pubout", "-out", "\(name).pub")
    }
}

extension String {
    fileprivate func replacingOccurrences(_ mark: String, _ text: String) -> String {
        split(separator: mark, omittingEmptySubsequences: false).joined(separator: text)
    }
}
