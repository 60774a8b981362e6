import Foundation
import Redis
import Synchronization
import TestSupport
import Testing

@testable import Thoonk

/// A server of the test's own, and clients on it.
struct ThoonkWorld {
    let server: RedisServer
    let client: ThoonkClient

    init(
        appendOnly: RedisServer.AppendOnly = .no, maxMemory: String? = nil, options: ThoonkOptions = ThoonkOptions()
    ) throws {
        server = try RedisServer(appendOnly: appendOnly, maxMemory: maxMemory)
        client = try ThoonkClient(redis: server.url, options: options)
    }

    /// One more client, as another program would be.
    func another(_ options: ThoonkOptions = ThoonkOptions()) throws -> ThoonkClient {
        try ThoonkClient(redis: server.url, options: options)
    }

    /// All keys, in order.
    func keys() throws -> [String] {
        let text = try server.cli("KEYS", "*")
        return text.split(separator: "\n").map(String.init).sorted()
    }

    /// How often the server has run a command.
    func calls(of command: String) throws -> Int {
        let stats = try server.cli("INFO", "commandstats")
        let line = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_\(command):calls=") }
        return line?.split(separator: "=")[1].split(separator: ",").first.flatMap { Int($0) } ?? 0
    }

    /// A digest of the whole data set.
    func digest() async throws -> String {
        try await client.core.send(RedisCommand("DEBUG", "DIGEST")).get().text ?? ""
    }

    /// What `redis-cli` prints for a command, line by line.
    func lines(_ arguments: String...) throws -> [String] {
        try server.cli(arguments).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

/// The code of the error that something throws; nil when it throws none, or another.
func code(_ body: () async throws -> Void) async -> ThoonkError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? ThoonkError)?.code
    }
}

/// Waits until a condition holds, without blocking a thread.
func soon(
    within seconds: Double = 60, _ expectation: String = "the condition holds", file: StaticString = #fileID,
    line: UInt = #line, condition: () async throws -> Bool
) async throws {
    let deadline = Deadline(in: seconds)
    while true {
        let over = deadline.isOver
        if try await condition() { return }
        guard !over else { throw TestSupportError("not within \(seconds) s: \(expectation) (\(file):\(line))") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Counts how often something happened, from any thread.
final class Tally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }

    var all: [String: Int] { counts.withLock { $0 } }

    /// Whether something happened to each of these once, and to nothing else.
    func isOnce(_ names: [String]) -> Bool {
        let all = all
        return all.count == names.count && names.allSatisfy { all[$0] == 1 }
    }
}
