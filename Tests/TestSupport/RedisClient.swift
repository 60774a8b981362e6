public import Logging
public import Redis

/// A ``RedisConnection`` that a test can ask and wait for: one command, one answer. For one thread.
public final class RedisClient {
    public let connection: RedisConnection
    private let runner: LoopRunner

    /// Connects to a server, on a loop of its own or on the test's.
    public init(_ server: RedisServer, on runner: LoopRunner? = nil) throws {
        let runner = try runner ?? LoopRunner()
        self.runner = runner
        let address = try RedisAddress(url: server.url)
        connection = RedisConnection(on: runner.loop, to: address, name: "test", logger: .silent)
        connection.start()
        try reconnected()
    }

    /// Waits until the connection stands (again).
    public func reconnected() throws {
        try runner.run(within: 20, "the test is connected") { [connection] in connection.isReady }
    }

    /// The answer to a command.
    ///
    /// - Throws: ``RedisError`` when the answer is an error.
    @discardableResult
    public func ask(_ words: String...) throws -> RedisValue {
        try ask(RedisCommand(words: words))
    }

    /// The answer to a command of words that are counted at run time.
    @discardableResult
    public func ask(words: [String]) throws -> RedisValue {
        try ask(RedisCommand(words: words))
    }

    @discardableResult
    public func ask(_ command: RedisCommand) throws -> RedisValue {
        var answer: Result<RedisValue, RedisError>?
        connection.send(command) { answer = $0 }
        try runner.run(within: 20, "redis answers") { answer != nil }
        guard let answer else { throw TestSupportError("no answer") }
        return try answer.get()
    }

    /// The error that a command is answered with; nil when it is not.
    public func error(_ words: String...) throws -> RedisError? {
        do {
            try ask(words: words)
            return nil
        } catch let error as RedisError {
            return error
        }
    }

    /// Every key with its content, in a form that is the same when nothing has changed.
    public func dump() throws -> [String] {
        let script = """
            local lines = {}
            local function sorted(list) table.sort(list) return list end
            local keys = sorted(redis.call('KEYS', '*'))
            for _, key in ipairs(keys) do
              local kind = redis.call('TYPE', key).ok
              local content
              if kind == 'list' then content = redis.call('LRANGE', key, 0, -1)
              elseif kind == 'set' then content = sorted(redis.call('SMEMBERS', key))
              elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
              elseif kind == 'hash' then
                local flat = redis.call('HGETALL', key)
                content = {}
                for index = 1, #flat, 2 do content[#content + 1] = flat[index] .. '=' .. flat[index + 1] end
                table.sort(content)
              else content = { redis.call('GET', key) } end
              lines[#lines + 1] = kind .. ' ' .. key .. ': ' .. table.concat(content, ', ')
            end
            return lines
            """
        return try ask("EVAL", script, "0").array?.compactMap(\.text) ?? []
    }
}

extension RedisValue {
    /// The value on one line, for comparing: `[OK, 12, nil]`.
    public var line: String {
        switch self {
        case .null: "nil"
        case .integer(let number): String(number)
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .array(let elements): "[" + elements.map(\.line).joined(separator: ", ") + "]"
        case .error(let error): "error: \(error.message)"
        }
    }
}

extension Logger {
    /// Says nothing: a test looks at what happened, not at what was said about it.
    public static var silent: Logger {
        Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    }
}
