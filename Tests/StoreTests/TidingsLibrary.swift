import Redis
import Store
import TestSupport
import Testing

/// A server of the test's own with the library `tidings` loaded, and its functions by name.
///
/// The pipeline is called `t` and has the stages `a` and `b`. Answers come as a line: `[OK, 12, 0]`.
final class TidingsLibrary {
    let server: RedisServer
    let runner: LoopRunner
    let redis: RedisClient

    static let queue = "{t.0}:queue:a"
    static let lane = "{t.0}:lane:a"
    static let next = "{t.0}:queue:b"
    static let nextLane = "{t.0}:lane:b"
    static let dead = "{t.0}:dead:a"

    init(
        partitions: Int = 1, stages: String = "a,b", appendOnly: RedisServer.AppendOnly = .no, maxMemory: String? = nil
    ) throws {
        server = try RedisServer(appendOnly: appendOnly, maxMemory: maxMemory)
        runner = try LoopRunner()
        redis = try RedisClient(server, on: runner)
        var load = RedisCommand("FUNCTION", "LOAD", "REPLACE")
        load.append(FunctionLibrary.tidings.source)
        try redis.ask(load)
        #expect(try hello(partitions: partitions, stages: stages).hasPrefix("[OK, "))
    }

    /// Calls a function by name, and gives the answer as a line.
    @discardableResult
    func call(_ function: String, keys: [String] = [], _ arguments: [String]) throws -> String {
        try redis.ask(words: ["FCALL", "tidings_\(function)", String(keys.count)] + keys + arguments).line
    }

    /// Makes a typed call and gives its answer.
    func call<Answer>(_ call: FunctionCall<Answer>) throws -> Answer {
        var answer: Result<Answer, RedisError>?
        redis.connection.call(call) { answer = $0 }
        try runner.run(within: 10, "the answer to \(call)") { answer != nil }
        return try #require(answer).get()
    }

    func hello(contract: Int = 1, partitions: Int = 1, stages: String = "a,b") throws -> String {
        try call("hello", ["t", String(contract), String(partitions), stages])
    }

    func beat(_ worker: String, stages: String = "incoming,a,b", _ fields: [String] = []) throws {
        try call("beat", ["t", worker, "worker", stages, "60000"] + fields)
    }

    func claim(
        _ owner: String, lane: String = TidingsLibrary.lane, queue: String = TidingsLibrary.queue, lease: Int = 60_000
    ) throws -> String {
        try call("claim", keys: [lane, queue], ["t", owner, String(lease)])
    }

    /// Claims the lane and gives the token.
    func token(of owner: String) throws -> String {
        let value = try redis.ask("FCALL", "tidings_claim", "2", Self.lane, Self.queue, "t", owner, "60000")
        return try #require(value.array?.dropFirst().first?.text)
    }

    /// Begins an attempt of the head event, or takes it back.
    func attempt(_ token: String, back: Bool = false) throws -> String {
        try call("attempt", keys: [Self.lane], back ? [token, "1"] : [token])
    }

    /// A worker takes the lane, tries the head event, and its lease ends. Gives its token.
    @discardableResult
    func lose(_ owner: String) throws -> String {
        let token = try token(of: owner)
        #expect(try attempt(token).hasPrefix("[OK, "))
        try expire()
        return token
    }

    /// The owner's lease is over: as if that time had passed.
    func expire(_ lane: String = TidingsLibrary.lane) throws {
        try redis.ask("HSET", lane, "deadline", "1")
    }

    /// Puts events into the lane's queue.
    func enqueue(_ events: [String]) throws {
        #expect(
            try call("enqueue", keys: [Self.queue, Self.lane], ["0", String(events.count)] + events) == "[OK]")
    }

    @discardableResult
    func commit(token: String, serial: Int, _ batch: [String], _ operations: [String]...) throws -> String {
        let last = batch.count > 1 ? batch[batch.count - 1] : ""
        return try call(
            "commit", keys: [Self.lane, Self.queue],
            [token, String(serial), String(batch.count), batch[0], last, "60000"] + operations.flatMap { $0 })
    }

    /// The operation that hands events on to the lane `b`, counted as `out`.
    static func push(_ events: [String], limit: Int = 0) -> [String] {
        ["push", next, nextLane, String(limit), String(events.count)] + events + ["count", "out", String(events.count)]
    }

    func list(_ key: String) throws -> [String] {
        try redis.ask("LRANGE", key, "0", "-1").array?.compactMap(\.text) ?? []
    }

    /// A lane's counter; 0 when it was never counted.
    func counter(_ field: String, of lane: String = TidingsLibrary.lane) throws -> Int64 {
        try redis.ask("HGET", lane, field).integer ?? 0
    }

    /// in - out - dropped - dead - held - waiting: 0, or else something was lost or doubled.
    func imbalance(stage: String = "a") throws -> Int64 {
        let lane = "{t.0}:lane:\(stage)"
        let gone = try ["out", "dropped", "dead", "held"].reduce(Int64(0)) { try $0 + counter($1, of: lane) }
        let waiting = try redis.ask("LLEN", "{t.0}:queue:\(stage)").integer ?? 0
        return try counter("in", of: lane) - gone - waiting
    }
}
