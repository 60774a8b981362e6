import Console
import Events
package import Glibc
package import Logging
import Pipeline
import Redis
import Store
import Supervision

/// A server under test: what its processes are, how readers ask it, and how events get into it.
package protocol EdgeTarget: AnyObject {
    /// As tables show it.
    var name: String { get }
    var port: UInt16 { get }
    /// The processes whose processor time and memory count.
    var processes: [pid_t] { get }
    /// What it takes of the measurement's events on the way in besides, for a remark.
    var helpers: [pid_t] { get }

    /// How readers ask; nil when it has no such way.
    func style(isStream: Bool) -> ReaderProtocol?
    /// What a visitor asks for: an answer at once, and the end of the connection.
    func visitorTarget(channel: Int) -> String
    /// Sends an event without waiting.
    func publish(_ event: [UInt8], to channel: Int) throws
    /// Takes the answers to what was published; true when none is outstanding.
    func settle() throws -> Bool
    func stop()
}

/// The bare loop in a process of its own.
package final class BareTarget: EdgeTarget {
    package let name = "bare loop"
    package let port: UInt16
    private let pid: pid_t
    private let publisher: HTTPPublisher

    package init(folder: BenchFolder) throws {
        let files = folder.path + "/bare"
        pid = try BenchChild.spawn([Subprocess.ownPath, "bench", "bare", "--files", files])
        port = UInt16(try BenchFiles.wait(for: files + ".port", from: pid, seconds: 10)) ?? 0
        publisher = try HTTPPublisher(port: port, path: "/publish/")
    }

    package var processes: [pid_t] { [pid] }
    package var helpers: [pid_t] { [] }

    package func style(isStream: Bool) -> ReaderProtocol? { isStream ? .stream : .poll }

    package func visitorTarget(channel: Int) -> String {
        "/v1/channels/\(ReaderProtocol.channelName(channel))?offset=-1"
    }

    package func publish(_ event: [UInt8], to channel: Int) throws {
        try publisher.publish(event, to: ReaderProtocol.channelName(channel))
    }

    package func settle() throws -> Bool {
        try publisher.readAnswers(waits: false)
        return publisher.outstanding == 0
    }

    package func stop() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }
}

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
    private static let history = 1000

    package init(folder: BenchFolder, workers: Int, logger: Logger) throws {
        server = try BenchServer(folder: folder, logger: logger)
        client = try server.client()
        try client.greet(BenchShape.standard.layout)
        port = try LocalPort.unused()
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
        outstanding += 1
        let call = FunctionCall.publish(
            [event], to: ReaderProtocol.channelName(channel), keeping: .log(events: TidingsTarget.history),
            lifetime: 3_600_000)
        client.connection.call(call) { [self] result in
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
