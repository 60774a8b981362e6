import Foundation
import Synchronization

/// A `redis-server` that belongs to the test: on a Unix socket in a new folder, without a TCP port.
///
/// It ends, and its folder is removed, with the last reference, and with the test process at the latest.
public final class RedisServer: Sendable {
    /// Whether the server has an append-only file, and how often it is forced to disk.
    public enum AppendOnly: String, Sendable {
        case no, everysec, always
    }

    /// The path of the socket.
    public let socket: String
    private let folder: TemporaryFolder
    private let arguments: [String]
    private let process: Mutex<ChildProcess?>

    /// Starts a server and waits until it replies.
    ///
    /// - Parameters:
    ///   - appendOnly: what survives ``restart()``: with `no`, nothing.
    ///   - maxMemory: as in redis.conf, such as "8mb". No keys are evicted.
    ///   - extra: more arguments, which override the others: `["--databases", "1"]`.
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

    /// The address of the server, as for `--redis`.
    public var url: String { "unix://\(socket)" }

    /// The process id of the running server.
    public var pid: Int32? { process.withLock { $0?.pid } }

    /// Sends SIGKILL, and waits until the server has ended.
    public func kill() throws {
        try end(SIGKILL)
    }

    /// Sends SIGTERM, so that the server persists its data, and waits until it has ended.
    public func stop() throws {
        try end(SIGTERM)
    }

    /// Kills the server if it runs, starts another on the same data, and waits until it replies.
    public func restart() throws {
        try kill()
        try start()
    }

    /// Sends SIGSTOP: connections stay open without replies.
    public func pause() {
        process.withLock { $0?.send(SIGSTOP) }
    }

    /// Sends SIGCONT, after ``pause()``.
    public func resume() {
        process.withLock { $0?.send(SIGCONT) }
    }

    /// The output of `redis-cli ARGUMENTS`, without the last line end. An error reply is output as well.
    @discardableResult
    public func cli(_ arguments: String..., input: String = "") throws -> String {
        try cli(arguments, input: input)
    }

    /// The output of `redis-cli` with an array of arguments.
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
        // A stopped process handles SIGTERM only after SIGCONT.
        server.send(signal)
        server.send(SIGCONT)
        try server.wait(within: 20)
    }

    /// False also while the server is loading its data.
    private var answersPing: Bool {
        guard let connection = try? StreamSocket(unix: socket) else { return false }
        let deadline = Deadline(in: 2)
        guard (try? connection.send(Array("PING\r\n".utf8), before: deadline)) != nil else { return false }
        return (try? connection.receive(before: deadline))?.starts(with: Array("+PONG".utf8)) ?? false
    }
}

extension RedisServer {
    /// Publishes numbered events to a channel's feed, as the stage `publish` does.
    public func publish(_ channel: String, _ numbers: ClosedRange<Int>, history: Int = 1000) throws {
        for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 100) {
            let events = (start...min(start + 99, numbers.upperBound)).map { "{\"id\":\"\($0)\"}" }
            try cli(["FCALL", "tidings_publish", "0", channel, "\(history)", "600000"] + events)
        }
    }

    /// Publishes each number to all channels in turn, one event a call, over one connection.
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
