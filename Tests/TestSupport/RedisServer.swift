import Foundation
import Synchronization

/// A real `redis-server` of the test's own: on a Unix socket in a fresh folder, with no TCP port.
///
/// It ends and its folder goes with the last reference, and with the test process at the latest.
public final class RedisServer: Sendable {
    /// Whether the server keeps an append-only file, and how often it is forced to disk.
    public enum AppendOnly: String, Sendable {
        case no, everysec, always
    }

    /// The path of the socket.
    public let socket: String
    private let folder: TemporaryFolder
    private let arguments: [String]
    private let process: Mutex<ChildProcess?>

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - appendOnly: what survives ``restart()``: with `no`, nothing.
    ///   - maxMemory: as in redis.conf: "8mb". Nothing is evicted.
    ///   - extra: more arguments, which win over those given here: `["--databases", "1"]`.
    public init(appendOnly: AppendOnly = .no, maxMemory: String? = nil, arguments extra: [String] = []) throws {
        folder = try TemporaryFolder()
        socket = folder.file("redis.sock")
        var arguments = ["--port", "0", "--unixsocket", socket, "--dir", folder.path, "--save", ""]
        arguments += ["--enable-debug-command", "yes"]
        if appendOnly != .no {
            arguments += ["--appendonly", "yes", "--appendfsync", appendOnly.rawValue]
        }
        if let maxMemory {
            arguments += ["--maxmemory", maxMemory, "--maxmemory-policy", "noeviction"]
        }
        self.arguments = arguments + extra
        process = Mutex(nil)
        try start()
    }

    /// Where clients find it, as `--redis` takes it.
    public var url: String { "unix://\(socket)" }

    /// The process id of the server that runs now.
    public var pid: Int32? { process.withLock { $0?.pid } }

    /// SIGKILL; returns when the server is gone.
    public func kill() throws {
        try end(SIGKILL)
    }

    /// SIGTERM: the server writes what it has to and leaves; returns when it is gone.
    public func stop() throws {
        try end(SIGTERM)
    }

    /// Starts a server on what the last one left, and waits until it answers. Kills the one that still runs.
    public func restart() throws {
        try kill()
        try start()
    }

    /// SIGSTOP: connections stay open, and nothing answers.
    public func pause() {
        process.withLock { $0?.send(SIGSTOP) }
    }

    /// SIGCONT after ``pause()``.
    public func resume() {
        process.withLock { $0?.send(SIGCONT) }
    }

    /// What `redis-cli ARGUMENTS` prints, without the last line's end. An error reply is text as well.
    @discardableResult
    public func cli(_ arguments: String..., input: String = "") throws -> String {
        try cli(arguments, input: input)
    }

    /// What `redis-cli ARGUMENTS` prints: for a list of arguments made elsewhere.
    @discardableResult
    public func cli(_ arguments: [String], input: String = "") throws -> String {
        let result = try ChildProcess.run("redis-cli", ["-s", socket] + arguments, input: input)
        guard result.succeeded else { throw TestSupportError("redis-cli: \(result.errors)\(result.output)") }
        return result.output.hasSuffix("\n") ? String(result.output.dropLast()) : result.output
    }

    private func start() throws {
        let server = try ChildProcess("redis-server", arguments)
        process.withLock { $0 = server }
        try eventually(within: 20, "redis-server answers; it wrote: \(server.output.suffix(2000))") {
            guard server.isRunning else {
                throw TestSupportError("redis-server ended at once: \(server.output)\(server.errors)")
            }
            return answersPing
        }
    }

    private func end(_ signal: Int32) throws {
        let server = process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let server else { return }
        // A stopped process takes SIGTERM only once it goes on.
        server.send(signal)
        server.send(SIGCONT)
        try server.wait(within: 20)
    }

    /// False also while the server still loads its data.
    private var answersPing: Bool {
        guard let connection = try? StreamSocket(unix: socket) else { return false }
        let deadline = Deadline(in: 2)
        guard (try? connection.send(Array("PING\r\n".utf8), before: deadline)) != nil else { return false }
        return (try? connection.receive(before: deadline))?.starts(with: Array("+PONG".utf8)) ?? false
    }
}

/// Publishing numbered events to a channel's feed, as the publish stage does.
extension RedisServer {
    public func publish(_ channel: String, _ numbers: ClosedRange<Int>, history: Int = 1000) throws {
        for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 100) {
            let events = (start...min(start + 99, numbers.upperBound)).map { "{\"id\":\"\($0)\"}" }
            try cli(["FCALL", "tidings_publish", "0", channel, "\(history)", "600000"] + events)
        }
    }

    /// The same, one event a call, all channels in turn, over one connection.
    public func publishOneByOne(_ channels: [String], _ numbers: ClosedRange<Int>, history: Int = 1000) throws {
        var input = ""
        for number in numbers {
            for channel in channels {
                input += "FCALL tidings_publish 0 \(channel) \(history) 600000 '{\"id\":\"\(number)\"}'\n"
            }
        }
        let output = try cli([], input: input)
        if let line = output.split(separator: "\n").first(where: { $0.contains("ERR") }) {
            throw TestSupportError("redis-cli: \(line)")
        }
    }
}
