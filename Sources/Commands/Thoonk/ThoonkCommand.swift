import ArgumentParser
import Configuration
import Console
import Logging
import Pipeline
import Redis
import Thoonk

/// A command that uses a Thoonk client.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 75 try again later: Redis is unreachable or full, or nothing came in
/// time.
protocol ThoonkCommand: ParsableCommand, Sendable {
    var options: GlobalFlags { get }
    /// Whether SIGINT and SIGTERM cancel the work, so that it ends in order, instead of ending the process at once.
    static var endsInOrder: Bool { get }
    /// Does the command's work. The client is closed afterwards.
    func run(_ client: ThoonkClient) async throws
}

extension ThoonkCommand {
    static var endsInOrder: Bool { false }

    func run() throws {
        let address = try options.redisAddress(options.configuration())
        var logger = try options.logger("thoonk")
        if options.log == nil, Terminal.environment("TIDINGS_LOG") == nil { logger.logLevel = .warning }
        // Reports a missing server at once and with its reason; the client would only retry.
        _ = try BlockingRedis(address: address, name: "tidings-thoonk", loadsFunctions: false)
        let settings = ThoonkOptions(name: "tidings-thoonk", logger: logger)
        do {
            try AsyncWork.run(isCancelledBySignals: Self.endsInOrder) {
                let client = try ThoonkClient(redis: address.url, options: settings)
                do {
                    try await run(client)
                } catch {
                    await client.close()
                    throw error
                }
                await client.close()
            }
        } catch is CancellationError {
            throw CommandError("interrupted while waiting; nothing was taken", exitCode: 75)
        }
    }
}

extension ThoonkError {
    /// The exit code of a command that fails with this error. A lost reply is 1, not 75: repeating the verb blindly
    /// could do it twice.
    var exitCode: Int32 {
        switch code {
        case .invalid: 2
        case .unreachable, .memoryFull: 75
        case .uncertain, .closed, .wrongType, .noFeed, .noItem, .sequenced, .refused: 1
        }
    }
}

extension ThoonkClient {
    /// The type of an existing feed.
    ///
    /// - Throws: ``CommandError`` when the feed does not exist, or is of a type outside of the contract.
    func type(of name: String) async throws -> FeedType {
        let written = try await feed(name).configuration()["type"]
        guard let written, try await exists(name) else {
            throw CommandError("there is no feed '\(name)'; 'tidings feed list' shows all feeds")
        }
        guard let type = FeedType(rawValue: written) else {
            throw CommandError("the feed '\(name)' is of the type \(written), which this program does not know")
        }
        return type
    }

    /// Checks that a feed exists and is of this type.
    func require(_ name: String, _ type: FeedType) async throws {
        let found = try await self.type(of: name)
        guard found == type else {
            throw CommandError("the feed '\(name)' is of the type \(found.rawValue), not \(type.rawValue)")
        }
    }
}

/// A duration on the command line: a whole number and `ms`, `s`, `m`, `h` or `d`.
struct TimeSpan: ExpressibleByArgument, Sendable {
    let milliseconds: Int64

    init?(argument: String) {
        guard let time = DurationText.milliseconds(argument) else { return nil }
        // A hundred years at most, so that adding it to a clock does not overflow.
        milliseconds = min(time, 36_500 * 86_400_000)
    }

    var duration: Swift.Duration { .milliseconds(milliseconds) }
    var text: String { DurationText.text(milliseconds) }
}
