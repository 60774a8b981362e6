import Console
import Events
package import Glibc
package import Load
package import Logging
import Pipeline
import Redis
import Supervision

/// `tidings edge` with a Redis of its own; events are appended to feeds as the publishing stage does it.
package final class TidingsTarget: EdgeTarget {
    package let name = "tidings edge"
    package let port: UInt16
    private let pool: BenchPool
    private let server: BenchServer
    private let client: BlockingRedis
    private var outstanding = 0
    private var failure: RedisError?

    /// Events that a channel keeps.
    private static let history = "1000"

    package init(folder: BenchFolder, workers: Int, logger: Logger) throws {
        server = try BenchServer(folder: folder, logger: logger)
        client = try server.client()
        try client.greet(BenchShape.standard.layout)
        port = try ReservedPort.freePort()
        pool = try BenchPool(
            ["edge", "--workers", String(workers), "--listen", "127.0.0.1:\(port)", "--drain", "0"],
            yaml: BenchShape.standard.yaml, server: server, folder: folder)
        for _ in 0..<2000 {
            if let descriptor = try? LoopbackSocket.connect(to: port) {
                close(descriptor)
                return
            }
            usleep(5000)
        }
        throw CommandError("the edge did not begin to listen")
    }

    package var processes: [pid_t] { pool.children }
    package var helpers: [pid_t] { [server.pid] }

    package func style(isStream: Bool) -> ReaderProtocol? { isStream ? .stream : .poll }

    package func visitorTarget(channel: Int) -> String {
        "/v1/channels/\(ReaderProtocol.channelName(channel))?offset=-1"
    }

    package func publish(_ event: [UInt8], to channel: Int) throws {
        var command = RedisCommand(
            "FCALL", "tidings_publish", "0", ReaderProtocol.channelName(channel), TidingsTarget.history, "3600000")
        command.append(event)
        outstanding += 1
        client.connection.send(command) { [self] result in
            outstanding -= 1
            if case .failure(let error) = result { failure = error }
        }
    }

    package func settle() throws -> Bool {
        client.loop.runOnce(wait: false)
        if let failure { throw failure }
        return outstanding == 0
    }

    package func stop() {
        pool.stop()
        server.stop()
    }
}
