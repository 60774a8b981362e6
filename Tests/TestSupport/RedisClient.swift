public import Logging
public import Redis

/// A blocking ``RedisConnection`` for tests: it sends a command and waits for the reply. For one thread.
public final class RedisClient {
    public let connection: RedisConnection
    private let runner: LoopRunner

    /// Connects to a server, on the loop of the test or on a new one.
    public init(_ server: RedisServer, on runner: LoopRunner? = nil) throws {
        let runner = try runner ?? LoopRunner()
        self.runner = runner
        let address = try RedisAddress(url: server.url)
        connection = RedisConnection(on: runner.loop, to: address, name: "test", logger: .silent)
        connection.start()
        try reconnected()
    }

    /// Waits until the connection is ready, for the first time or again.
    public func reconnected() throws {
        try runner.run(within: 20, "the test is connected") { [connection] in connection.isReady }
    }

    /// Sends a command and waits for the reply.
    ///
    /// - Throws: ``RedisError`` when the reply is an error.
    @discardableResult
    public func ask(_ words: String...) throws -> RedisValue {
        try ask(RedisCommand(words: words))
    }

    /// Sends a command of an array of words.
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

    /// The error reply to a command; nil when it succeeds.
    public func error(_ words: String...) throws -> RedisError? {
        do {
            try ask(words: words)
            return nil
        } catch let error as RedisError {
            return error
        }
    }

    /// Every key with its value, in a form that changes only when the data does.
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
    /// The value on one line, for comparisons: `[OK, 12, nil]`.
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
    /// A logger that discards everything.
    public static var silent: Logger {
        Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    }
}
