import Glibc
import Supervision
import TestSupport

/// A whole Tidings on this machine, as `tidings up` starts it, with a Redis and a data folder of its own.
final class TidingsUp {
    /// The edge's port.
    let port: UInt16

    let process: ChildProcess
    private let data: TemporaryFolder

    /// Starts it and waits until its edge answers.
    ///
    /// - Parameters:
    ///   - configuration: the text of its tidings.yaml; nil: none, the default pipeline.
    ///   - arguments: more flags of `up`.
    init(configuration: String? = nil, arguments: [String] = []) throws {
        data = try TemporaryFolder()
        if let configuration { _ = try data.write(configuration, to: "tidings.yaml") }
        let process = try TidingsBinary.launch(
            ["up", "--listen", "127.0.0.1:0", "--data", data.path, "--redis-port", "0"] + arguments,
            in: data.path)
        self.process = process
        var found: UInt16?
        try eventually(within: 30, "tidings up says where it is; it wrote: \(process.output)\(process.errors)") {
            guard process.isRunning else {
                throw TestSupportError("tidings up ended: \(process.output)\(process.errors)")
            }
            found = Self.port(in: process.output + process.errors)
            return found != nil
        }
        guard let found else { throw TestSupportError("tidings up has no port") }
        port = found
        try waitUntilLive()
    }

    deinit {
        // What it started may stand in process groups of its own.
        let children = ProcessTable.descendants(of: process.pid)
        process.kill()
        for child in children { kill(child.pid, SIGKILL) }
    }

    /// Starts another command of the same installation and returns at once.
    func launch(_ arguments: String...) throws -> ChildProcess {
        try TidingsBinary.launch(arguments + ["--data", data.path], in: data.path)
    }

    /// Runs another command of the same installation.
    func run(_ arguments: String..., input: String = "", within seconds: Double = 60) throws -> CommandResult {
        try TidingsBinary.run(arguments + ["--data", data.path], input: input, in: data.path, within: seconds)
    }

    /// Runs redis-cli on the embedded server; a Redis error comes back as text.
    func redis(_ arguments: String...) throws -> String {
        let result = try ChildProcess.run("redis-cli", ["-s", data.file("redis.sock")] + arguments)
        return String(result.output.trimming(while: \.isWhitespace))
    }

    /// What `tidings status --json` says.
    func status() throws -> ParsedJSON {
        let result = try run("status", "--json")
        guard result.succeeded else { throw TestSupportError("status failed: \(result.errors)") }
        return try ParsedJSON(parsing: result.output)
    }

    /// Waits until no queue holds an event.
    func waitUntilIdle(within seconds: Double = 30) throws {
        try eventually(within: seconds, "the queues become empty", every: 0.05) {
            try status()["lanes"]?.array?.allSatisfy { $0["waiting"]?.integer == 0 } == true
        }
    }

    /// The processes that take events through the stages.
    var workers: [Int32] {
        ProcessTable.descendants(of: process.pid).filter { $0.command.contains(" work ") }.map(\.pid)
    }

    /// The address of the demo page for a thread.
    func page(thread: String) -> String {
        "http://127.0.0.1:\(port)/?thread=\(thread)"
    }

    /// What comes before the path of every address.
    var origin: String { "http://127.0.0.1:\(port)" }

    /// The address of the dashboard.
    var dashboard: String { "\(origin)/dashboard" }

    /// One anonymous writer.
    static let editKey = ["Edit-Key": "the-edit-key-of-the-tests"]

    /// Posts comments of one anonymous writer, one JSON object a line, and expects them to be accepted.
    func post(_ comments: [ParsedJSON]) throws {
        let lines = try comments.map { try $0.text }.joined(separator: "\n")
        let response = try HTTPClient(port: port)
            .post("/v1/comments", lines, headers: Self.editKey.merging(["Content-Type": "application/x-ndjson"]) { $1 })
        guard response.status == 202 else { throw TestSupportError("not accepted: \(response.text)") }
    }

    /// Pushes events into the pipeline as the web app does, and expects them to be accepted.
    func push(_ events: ParsedJSON...) throws {
        let lines = try events.map { try $0.text }.joined(separator: "\n")
        let result = try run("enqueue", "-", input: lines + "\n")
        guard result.succeeded else { throw TestSupportError("not enqueued: \(result.errors)") }
    }

    /// The edge's processes that run now.
    var edges: [Int32] {
        ProcessTable.descendants(of: process.pid).filter { $0.command.contains(" edge ") }.map(\.pid)
    }

    /// SIGKILL to every edge process; returns when others have taken their place and answer.
    func killEdges() throws {
        let killed = edges
        guard !killed.isEmpty else { throw TestSupportError("tidings up runs no process with the argument edge") }
        for pid in killed { kill(pid, SIGKILL) }
        try eventually(within: 20, "other edges than \(killed) run, not \(edges)") {
            !edges.isEmpty && Set(edges).isDisjoint(with: killed)
        }
        try waitUntilLive()
    }

    private func waitUntilLive() throws {
        let client = HTTPClient(port: port, timeout: 2)
        try eventually(within: 20, "the edge answers on port \(port); up wrote: \(process.errors.suffix(2000))") {
            (try? client.get("/live").status) == 200
        }
    }

    private static func port(in output: String) -> UInt16? {
        guard let range = output.firstRange(of: "http://127.0.0.1:") else { return nil }
        let rest = output[range.upperBound...]
        let digits = rest.prefix { $0.isNumber }
        // Without what follows the number may not be whole yet.
        return digits.endIndex < rest.endIndex ? UInt16(digits) : nil
    }
}

extension String {
    fileprivate func trimming(while predicate: (Character) -> Bool) -> Substring {
        var rest = self[...]
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest.drop(while: predicate)
    }
}
