import Events
import Logging
import Pipeline
import Redis
import Thoonk

/// Redis for a command that asks, waits for the answer, and ends: a connection with its loop run until the reply.
final class RedisClient {
    let loop: EventLoop
    let connection: RedisConnection
    private let address: RedisAddress

    /// Connects, and loads the functions where they are missing.
    ///
    /// - Parameter loadsFunctions: false for a command that must not write.
    /// - Throws: ``RedisError`` when the server is not there within three seconds.
    init(address: RedisAddress, name: String, loadsFunctions: Bool = true) throws {
        self.address = address
        loop = try EventLoop()
        // What fails here is said by the error that is thrown.
        let silent = Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
        connection = RedisConnection(
            on: loop, to: address, name: name, deadlines: RedisDeadlines(connect: 3000, command: 10_000), logger: silent
        )
        var failure: RedisError?
        connection.onAttemptFailed = { failure = $0 }
        connection.start()
        let end = Clock.monotonicMilliseconds() + 3000
        let tick = Timer(on: loop) {}
        tick.schedule(every: 100)
        while !connection.isReady, failure == nil || failure?.code == .loading, Clock.monotonicMilliseconds() < end {
            loop.runOnce(wait: true)
        }
        guard connection.isReady else {
            throw RedisClient.unreachable(address, failure)
        }
        guard loadsFunctions else { return }
        try wait { FunctionLibrary.tidings.ensureLoaded(on: connection, completion: $0) }
    }

    /// What to say of a server that cannot be used: what to do depends on whether there is one.
    static func unreachable(_ address: RedisAddress, _ failure: RedisError?) -> RedisError {
        guard let failure else {
            return RedisError(.timeout, "cannot reach Redis at \(address): no answer within 3 s")
        }
        let remedy =
            switch failure.code {
            case .disconnected where failure.message.contains("Connection refused"),
                .disconnected where failure.message.contains("No such file or directory"):
                "; start one with 'tidings up', or name yours with --redis URL"
            case .loading: "; it serves when it has read its data: try again then"
            case .denied: "; name a user who may, as in --redis redis://USER:PASSWORD@HOST:PORT"
            default: ""
            }
        return RedisError(.disconnected, "cannot reach Redis at \(address): \(failure.message)\(remedy)")
    }

    /// Sends a command and waits for its reply.
    func call(_ command: RedisCommand) throws -> RedisValue {
        try wait { connection.send(command, reply: $0) }
    }

    func call(_ words: String...) throws -> RedisValue {
        try call(RedisCommand(words: words))
    }

    /// Runs the loop until what `begin` started has called back.
    func wait<Value, Failure: Error>(_ begin: (@escaping (Result<Value, Failure>) -> Void) -> Void) throws -> Value {
        var outcome: Result<Value, Failure>?
        begin { outcome = $0 }
        while true {
            if let outcome { return try outcome.get() }
            loop.runOnce(wait: true)
        }
    }

    /// Compares this process's pipeline with the one that Redis holds.
    func greet(_ layout: PipelineLayout) throws {
        let reply = try call(
            "FCALL", "tidings_hello", "0", layout.name, String(PipelineLayout.contract), String(layout.partitions),
            layout.stages.joined(separator: ","))
        guard let answer = reply.array, answer.first?.text == "DIFFERS" else { return }
        let words = answer.map { $0.text ?? "" }
        throw PipelineError(
            .differs,
            "pipeline '\(layout.name)' has \(words[1]) \(words[2]) in Redis, \(words[3]) here, and \(words[4])")
    }

    /// The same for a command that must not change what Redis holds: a pipeline that it does not hold differs from none.
    func compare(_ layout: PipelineLayout) throws {
        let known = try call("HMGET", layout.name + ":config", "contract", "partitions", "stages").array ?? []
        let own = [String(PipelineLayout.contract), String(layout.partitions), layout.stages.joined(separator: ",")]
        for (field, (there, here)) in zip(["contract", "partitions", "stages"], zip(known, own)) {
            guard let there = there.text, there != here else { continue }
            throw PipelineError(
                .differs,
                "pipeline '\(layout.name)' has \(field) \(there) in Redis, \(here) here; name its tidings.yaml by --config"
            )
        }
    }

    /// Lets that much time pass, with the loop running.
    func pause(milliseconds: Int64) {
        var isOver = false
        let timer = Timer(on: loop) { isOver = true }
        timer.schedule(after: milliseconds)
        while !isOver { loop.runOnce(wait: true) }
    }
}
