import Foundation
import Synchronization

/// The unmodified PyPI package `thoonk` 1.0.1.0 on Python 3, in its own virtual environment: another implementation of
/// the contract, which runs on the same server. See Python/thoonk_adapter.py.
public final class PythonThoonk: Sendable {
    /// The release the tests are written against.
    public static let requirement = "thoonk==1.0.1.0"
    /// It, with the client of Redis that it needs.
    public static let packages = [requirement, "redis>=5,<9"]

    private let folder: TemporaryFolder
    private let process: ChildProcess
    private let socket: String

    private static let interpreter = Result { try PythonEnvironment(packages).python }

    /// Starts the adapter on a server.
    ///
    /// - Throws: ``PythonEnvironment/IndexUnreachable`` when pip cannot reach its index.
    public init(beside server: RedisServer) throws {
        let python = try Self.interpreter.get()
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

    /// The standard error of the adapter.
    public var errors: String { process.errors }

    /// A new client: a connection with its own instance of `Thoonk`.
    public func client() throws -> PythonThoonkClient {
        PythonThoonkClient(try StreamSocket(unix: socket), adapter: self)
    }
}

/// A connection to the adapter around the Python client. Calls block. Not thread-safe.
public final class PythonThoonkClient: Sendable {
    private let stream: StreamSocket
    private let adapter: PythonThoonk
    private let rest = Mutex<[UInt8]>([])

    init(_ stream: StreamSocket, adapter: PythonThoonk) {
        self.stream = stream
        self.adapter = adapter
    }

    /// An exception of the Python side.
    public struct Failure: Error, CustomStringConvertible {
        public let exception: String
        public let message: String
        public var description: String { "\(exception): \(message)" }
    }

    /// Calls a verb of a feed, which is created when it does not exist.
    @discardableResult
    public func call(
        _ type: String, _ feed: String, _ verb: String, _ arguments: ParsedJSON..., keywords: [String: ParsedJSON] = [:]
    ) throws -> ParsedJSON {
        try ask([.string(type), .string(feed), .string(verb), .array(arguments), .object(keywords)])
    }

    /// Calls verbs of a feed one after the other, in one request. Returns their results.
    public func callAll(_ type: String, _ feed: String, _ calls: [(verb: String, argument: String)]) throws
        -> [ParsedJSON]
    {
        let list = calls.map { ParsedJSON.array([.string($0.verb), .string($0.argument)]) }
        return try ask(["call_all", .string(type), .string(feed), .array(list)]).array ?? []
    }

    /// Makes a feed with a configuration.
    public func create(_ type: String, _ feed: String, _ configuration: [String: ParsedJSON] = [:]) throws {
        try ask(["create", .string(type), .string(feed), .object(configuration)])
    }

    /// Calls a method of the `Thoonk` object.
    @discardableResult
    public func thoonk(_ verb: String, _ arguments: ParsedJSON...) throws -> ParsedJSON {
        try ask(["thoonk", .string(verb), .array(arguments)])
    }

    /// Puts many items, one after the other. Returns their ids.
    @discardableResult
    public func putMany(_ type: String, _ feed: String, _ items: [String]) throws -> [String] {
        let answer = try ask(["put_many", .string(type), .string(feed), .array(items.map(ParsedJSON.string))])
        return (answer.array ?? []).compactMap(\.string)
    }

    /// Gets and finishes jobs until `count` of the feed are finished, by whichever worker. Returns the items of its own.
    public func workMany(_ feed: String, count: Int) throws -> [String] {
        let answer = try ask(["work_many", .string(feed), .integer(count)])
        return (answer.array ?? []).compactMap(\.string)
    }

    /// Starts a listener: from now on ``event(within:)`` returns the events that its handlers get.
    ///
    /// - Parameter feeds: the feeds whose changes of configuration are events, too.
    public func listen(configurationOf feeds: [String] = []) throws {
        try send(["listen"] + feeds.map(ParsedJSON.string))
        let first = try line(within: 20)
        guard first == ["ready"] else { throw TestSupportError("no listener: \(first)") }
    }

    /// The next event: its name and the arguments of its handler.
    public func event(within seconds: Double = 10) throws -> [String] {
        (try line(within: seconds).array ?? []).map { $0.string ?? "null" }
    }

    @discardableResult
    private func ask(_ request: [ParsedJSON]) throws -> ParsedJSON {
        try send(request)
        let answer = try line(within: 120)
        if let exception = answer["error"]?.string {
            throw Failure(exception: exception, message: answer["message"]?.string ?? "")
        }
        return answer["ok"] ?? .null
    }

    private func send(_ request: [ParsedJSON]) throws {
        try stream.send(Array((try ParsedJSON.array(request).text + "\n").utf8), before: Deadline(in: 20))
    }

    private func line(within seconds: Double) throws -> ParsedJSON {
        let deadline = Deadline(in: seconds)
        return try rest.withLock { rest in
            while true {
                if let end = rest.firstIndex(of: 10) {
                    defer { rest.removeSubrange(...end) }
                    return try ParsedJSON(parsing: String(decoding: rest[..<end], as: UTF8.self))
                }
                let more = try stream.receive(before: deadline)
                guard !more.isEmpty else { throw TestSupportError("the adapter hung up: \(adapter.errors)") }
                rest += more
            }
        }
    }
}
