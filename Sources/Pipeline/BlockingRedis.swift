package import Events
import Logging
package import Redis
package import Store

/// Redis for a command that asks, waits for the answer, and ends: a connection with its loop run until the reply.
package final class BlockingRedis {
    package let loop: EventLoop
    package let connection: RedisConnection
    private let address: RedisAddress

    /// Connects, and loads the functions where they are missing.
    ///
    /// - Parameter loadsFunctions: false for a command that must not write.
    /// - Throws: ``RedisError`` when the server is not there within three seconds.
    package init(address: RedisAddress, name: String, loadsFunctions: Bool = true) throws {
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
            throw BlockingRedis.unreachable(address, failure)
        }
        guard loadsFunctions else { return }
        try wait { FunctionLibrary.tidings.ensureLoaded(on: connection, completion: $0) }
    }

    /// What to say of a server that cannot be used: what to do depends on whether there is one.
    package static func unreachable(_ address: RedisAddress, _ failure: RedisError?) -> RedisError {
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
    package func call(_ command: RedisCommand) throws -> RedisValue {
        try wait { connection.send(command, reply: $0) }
    }

    /// Calls a function of the library and waits for its answer.
    package func call<Answer>(_ call: FunctionCall<Answer>) throws -> Answer {
        try wait { connection.call(call, reply: $0) }
    }

    package func call(_ words: String...) throws -> RedisValue {
        try call(RedisCommand(words: words))
    }

    /// Runs the loop until what `begin` started has called back.
    package func wait<Value, Failure: Error>(_ begin: (@escaping (Result<Value, Failure>) -> Void) -> Void) throws
        -> Value
    {
        var outcome: Result<Value, Failure>?
        begin { outcome = $0 }
        while true {
            if let outcome { return try outcome.get() }
            loop.runOnce(wait: true)
        }
    }

    /// Compares this process's pipeline with the one that Redis holds.
    package func greet(_ layout: PipelineLayout) throws {
        if case .differs(let mismatch) = try call(.hello(layout)) {
            throw PipelineError(.differs, mismatch.description)
        }
    }

    /// The same for a command that must not change what Redis holds: a pipeline that it does not hold differs from none.
    package func compare(_ layout: PipelineLayout) throws {
        let known = try call("HMGET", layout.config, "contract", "partitions", "stages").array ?? []
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
    package func pause(milliseconds: Int64) {
        var isOver = false
        let timer = Timer(on: loop) { isOver = true }
        timer.schedule(after: milliseconds)
        while !isOver { loop.runOnce(wait: true) }
    }
}

extension BlockingRedis {
    /// Sends all commands at once and waits for all replies, in their order.
    ///
    /// - Throws: ``RedisError`` when the connection breaks; what a command is refused with stands in its result.
    package func results(of commands: [RedisCommand]) throws -> [Result<RedisValue, RedisError>] {
        var results: [Result<RedisValue, RedisError>] = []
        for command in commands {
            connection.send(command) { results.append($0) }
        }
        while results.count < commands.count { loop.runOnce(wait: true) }
        for case .failure(let error) in results where error.isUnanswered {
            throw error
        }
        return results
    }

    /// Runs several transactions (MULTI … EXEC), all sent at once: what one of them reads belongs to one moment.
    /// A command that fails leaves its error in its place.
    package func transactions(_ groups: [[RedisCommand]]) throws -> [[RedisValue]] {
        let commands = groups.flatMap { [RedisCommand("MULTI")] + $0 + [RedisCommand("EXEC")] }
        let results = try results(of: commands)
        var position = 0
        return try groups.map { group in
            defer { position += group.count + 2 }
            guard let values = try results[position + group.count + 1].get().array else {
                throw RedisError(.reply, "EXEC was answered without replies")
            }
            return values
        }
    }

    /// The text of a reply, line by line, as INFO gives it: `field:value`.
    package static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        return fields
    }
}

extension RedisValue {
    /// A flat list of names and values, as HGETALL and CONFIG GET give it.
    package var pairs: [String: String] {
        let texts = (array ?? []).map { $0.text ?? "" }
        return Dictionary(
            stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }, uniquingKeysWith: { $1 })
    }

    /// Whether it is the error of a key with another type.
    package var isWrongType: Bool {
        if case .error(let error) = self { error.code == .wrongType } else { false }
    }
}
