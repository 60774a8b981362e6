import ArgumentParser
import Console
import Logging
import Pipeline
import Redis
import Supervision
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
