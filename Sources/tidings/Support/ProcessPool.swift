import Events
import Glibc
import Logging
import Pipeline
import Redis

/// The processes that one command supervises: workers, edges. Ends the leases of a worker the moment it has died.
final class ProcessPool {
    /// Called when a child has died too often.
    var onGaveUp: (String) -> Void = { _ in }
    var onStopped: () -> Void = {}

    private let supervisor: Supervisor
    private let connection: RedisConnection
    private let pipeline: String
    private let logger: Logger

    /// - Parameter connection: for ending leases; its owner starts it.
    init(
        on loop: EventLoop, places: [Supervisor.Place], connection: RedisConnection, pipeline: String, logger: Logger
    ) {
        supervisor = Supervisor(on: loop, places: places, logger: logger)
        self.connection = connection
        self.pipeline = pipeline
        self.logger = logger
        supervisor.onEnded = { [unowned self] _, arguments in self.bury(arguments) }
        supervisor.onGaveUp = { [unowned self] in self.onGaveUp($0) }
        supervisor.onStopped = { [unowned self] in self.onStopped() }
    }

    func start() {
        supervisor.start()
    }

    func stop(after milliseconds: Int64) {
        supervisor.stop(after: milliseconds)
    }

    func signalAll(_ signal: Int32) {
        supervisor.signalAll(signal)
    }

    /// Places for workers. Each start has an id of its own: a lease never passes from a dead worker to its successor.
    static func workers(_ count: Int, stages: [String]) -> [Supervisor.Place] {
        places("work", count: count, words: stages)
    }

    /// Places for edges; `words` are the flags of `tidings edge` that they take over.
    static func edges(_ count: Int, words: [String]) -> [Supervisor.Place] {
        places("edge", count: count, words: words)
    }

    private static func places(_ command: String, count: Int, words: [String]) -> [Supervisor.Place] {
        (1...max(1, count)).map { index in
            var starts = 0
            return Supervisor.Place(name: "\(command)-\(index)") {
                starts += 1
                let id = "\(host)-\(getpid())-\(command)\(index)-\(starts)"
                return [ChildProcess.ownPath, command] + words + ["--child", id, "--parent", String(getpid())]
            }
        }
    }

    private static let host: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    private func bury(_ arguments: [String]) {
        guard let flag = arguments.firstIndex(of: "--child"), flag + 1 < arguments.count else { return }
        let command = RedisCommand("FCALL", "tidings_bury", "0", pipeline, arguments[flag + 1])
        connection.send(command) { [logger] result in
            // Without Redis there is no lane to take over; the leases run out by themselves.
            if case .failure(let error) = result, error.code != .disconnected {
                logger.warning("leases of a dead worker could not be ended", metadata: ["error": "\(error.message)"])
            }
        }
    }
}
