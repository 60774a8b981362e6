import Events
import Logging
import Redis
import TestSupport
import Testing

/// Tests the connection with a server that is killed, stopped and restarted, and closes connections.
@Suite("a connection to Redis")
struct RedisConnectionTests {
    private let server: RedisServer
    private let runner: LoopRunner

    init() throws {
        server = try RedisServer(appendOnly: .always)
        runner = try LoopRunner()
    }

    private func connection(_ deadlines: RedisDeadlines = RedisDeadlines()) throws -> RedisConnection {
        RedisConnection(
            on: runner.loop, to: try RedisAddress(url: server.url), name: "test", deadlines: deadlines, logger: .silent)
    }

    @Test("ten thousand commands of one turn are answered in their order")
    func pipelined() throws {
        let client = try RedisClient(server, on: runner)
        var answers: [Int64] = []
        for _ in 0..<10_000 {
            client.connection.send(RedisCommand("INCR", "n")) { answers.append((try? $0.get().integer) ?? -1) }
        }
        try runner.run { answers.count == 10_000 }
        #expect(answers == Array(1...10_000))
    }

    @Test("every byte comes back as it was sent")
    func binary() throws {
        let client = try RedisClient(server, on: runner)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        var command = RedisCommand("SET", "k")
        command.append(bytes)
        try client.ask(command)
        #expect(try client.ask("GET", "k").bytes == bytes)
        #expect(try client.ask("LRANGE", "none", "0", "-1") == .array([]))
        #expect(try client.ask("GET", "none") == .null)
        #expect(try client.error("LPUSH", "k", "x")?.code == .wrongType)
    }

    @Test("what the socket of a server that does not read cannot take waits, without work, and is sent when it can")
    func blocked() throws {
        let client = try RedisClient(server, on: runner)
        var command = RedisCommand("SET", "k")
        command.append([UInt8](repeating: 7, count: 8 << 20))
        server.pause()
        var answer: Result<RedisValue, RedisError>?
        client.connection.send(command) { answer = $0 }
        var isOver = false
        let timer = Timer(on: runner.loop) { isOver = true }
        timer.schedule(after: 300)
        var turns = 0
        while !isOver {
            runner.loop.runOnce(wait: true)
            turns += 1
        }
        #expect(turns < 50)
        #expect(answer == nil)
        server.resume()
        try runner.run(within: 10, "the answer") { answer != nil }
        #expect(try client.ask("STRLEN", "k").integer == 8 << 20)
    }

    @Test("without a connection a command fails at once, and says so")
    func notConnected() throws {
        let connection = try connection()
        var failure: RedisError?
        connection.send(RedisCommand("PING")) { if case .failure(let error) = $0 { failure = error } }
        #expect(failure?.code == .disconnected)
    }

    @Test("a connection that is cut comes back by itself; what was under way fails")
    func cut() throws {
        let client = try RedisClient(server, on: runner)
        var lost = 0
        var ready = 0
        client.connection.onLost = { _ in lost += 1 }
        client.connection.onReady = { ready += 1 }
        var failure: RedisError?
        client.connection.send(RedisCommand("BLPOP", "never", "0")) {
            if case .failure(let error) = $0 { failure = error }
        }
        try runner.run { try server.cli("CLIENT", "LIST").contains("cmd=blpop") }
        _ = try server.cli("CLIENT", "KILL", "TYPE", "normal")
        try runner.run { ready == 1 }
        #expect(lost == 1 && failure?.code == .disconnected)
        #expect(try client.ask("PING").text == "PONG")
    }

    @Test("a server that is killed and started again is found again")
    func restarted() throws {
        let client = try RedisClient(server, on: runner)
        try client.ask("SET", "k", "v")
        try server.kill()
        try runner.run { !client.connection.isReady }
        try server.restart()
        try client.reconnected()
        #expect(try client.ask("GET", "k").text == "v")
    }

    @Test("a server that does not answer is left after the deadline, and found again when it does")
    func stopped() throws {
        let connection = try connection(RedisDeadlines(connect: 300, command: 200))
        connection.start()
        try runner.run { connection.isReady }
        server.pause()
        var failure: RedisError?
        connection.send(RedisCommand("PING")) { if case .failure(let error) = $0 { failure = error } }
        try runner.run { failure != nil }
        #expect(failure?.code == .timeout)
        server.resume()
        try runner.run(within: 20) { connection.isReady }
        connection.stop()
    }

    @Test("a wrong password is told as such, and attempts go on until it is right")
    func password() throws {
        _ = try server.cli("CONFIG", "SET", "requirepass", "right")
        let address = try RedisAddress(url: server.url + "?password=wrong")
        let connection = RedisConnection(on: runner.loop, to: address, name: "test", logger: .silent)
        var failures: [RedisError.Code] = []
        connection.onAttemptFailed = { failures.append($0.code) }
        connection.start()
        try runner.run { failures.count >= 2 }
        #expect(failures.allSatisfy { $0 == .denied } && !connection.isReady)
        _ = try server.cli("-a", "right", "--no-auth-warning", "CONFIG", "SET", "requirepass", "wrong")
        try runner.run(within: 20) { connection.isReady }
        connection.stop()
    }
}
