package import Redis

/// One call of a function of the library `tidings`: the command, and how its answer is read.
///
/// Each function has one factory, so that the order of its arguments and the form of its answer are written down once
/// in Swift: `connection.call(.sweep(…)) { … }`. The Lua side is documented in `Library`.
package struct FunctionCall<Answer> {
    package var command: RedisCommand
    private let function: String
    private let parse: (RedisValue) -> Answer?

    /// - Parameters:
    ///   - function: its name without `tidings_`.
    ///   - keys: the Redis keys that it touches.
    ///   - arguments: what follows the keys.
    ///   - isReadOnly: whether the function may be called where nothing may be written, such as on a replica.
    ///   - parse: reads the answer; nil when its form is not known.
    init(
        _ function: String, keys: [String] = [], _ arguments: [String] = [], isReadOnly: Bool = false,
        parse: @escaping (RedisValue) -> Answer?
    ) {
        self.function = function
        self.parse = parse
        command = RedisCommand(isReadOnly ? "FCALL_RO" : "FCALL", "tidings_\(function)", String(keys.count))
        for key in keys { command.append(key) }
        for argument in arguments { command.append(argument) }
    }

    /// Reads a reply to ``command``.
    ///
    /// - Returns: the answer, or an error with code `reply` when a server with another library answered in another form.
    package func answer(from reply: Result<RedisValue, RedisError>) -> Result<Answer, RedisError> {
        reply.flatMap { value in
            guard let answer = parse(value) else {
                return .failure(RedisError(.reply, "tidings_\(function) answered in a form that is not known"))
            }
            return .success(answer)
        }
    }
}

extension RedisConnection {
    /// Calls a function of the library. `reply` is called once, on the loop's thread.
    package func call<Answer>(
        _ call: FunctionCall<Answer>, reply: @escaping (Result<Answer, RedisError>) -> Void = { _ in }
    ) {
        send(call.command) { reply(call.answer(from: $0)) }
    }
}
