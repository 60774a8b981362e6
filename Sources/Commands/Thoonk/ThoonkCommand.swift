import ArgumentParser
import Configuration
import Console
import Logging
import Pipeline
import Redis
import Thoonk

/// A command that uses a client of the Thoonk contract.
///
/// Exit codes: 0 done; 1 failed; 2 wrong use; 75 try again later: Redis is out of reach or full, or nothing came in time.
protocol ThoonkCommand: ParsableCommand, Sendable {
    var options: GlobalOptions { get }
    /// Whether SIGINT and SIGTERM cancel the work, so that it ends in order, instead of ending the process there and then.
    static var endsInOrder: Bool { get }
    /// What the command does. The client is closed afterwards.
    func run(_ client: ThoonkClient) async throws
}

extension ThoonkCommand {
    static var endsInOrder: Bool { false }

    func run() throws {
        let address = try options.redisAddress(options.configuration())
        var logger = try options.logger("thoonk")
        if options.log == nil, Terminal.environment("TIDINGS_LOG") == nil { logger.logLevel = .warning }
        // Says at once, and better than a client that retries, why there is no server.
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
            throw CommandError("stopped before there was anything; nothing was taken", exitCode: 75)
        }
    }
}

extension ThoonkError {
    /// What a command exits with for it. A verb whose reply was lost is no case for trying again blindly: 1.
    var exitCode: Int32 {
        switch code {
        case .invalid: 2
        case .unreachable, .memoryFull: 75
        case .uncertain, .closed, .wrongType, .noFeed, .noItem, .sequenced, .refused: 1
        }
    }
}

extension ThoonkClient {
    /// The type of a feed that has to be there.
    ///
    /// - Throws: ``CommandError`` when it is not, or of a type that the contract does not know.
    func type(of name: String) async throws -> FeedType {
        let written = try await feed(name).configuration()["type"]
        guard let written, try await exists(name) else {
            throw CommandError("there is no feed '\(name)'; 'tidings feed list' shows what there is")
        }
        guard let type = FeedType(rawValue: written) else {
            throw CommandError("the feed '\(name)' is of the type \(written), which only the client that made it knows")
        }
        return type
    }

    /// The same for a verb of one type.
    func require(_ name: String, _ type: FeedType) async throws {
        let found = try await self.type(of: name)
        guard found == type else {
            throw CommandError("the feed '\(name)' is of the type \(found.rawValue), not \(type.rawValue)")
        }
    }
}

/// A time on the command line: a whole number and `ms`, `s`, `m`, `h` or `d`.
struct TimeSpan: ExpressibleByArgument, Sendable {
    let milliseconds: Int64

    init?(argument: String) {
        guard let time = DurationText.milliseconds(argument) else { return nil }
        // Whoever means for ever says so with days: no clock of ours overflows.
        milliseconds = min(time, 36_500 * 86_400_000)
    }

    var duration: Swift.Duration { .milliseconds(milliseconds) }
    var text: String { DurationText.text(milliseconds) }
}
