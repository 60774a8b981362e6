import Events
import Redis

extension RedisClient {
    /// Sends all commands at once and waits for all replies, in their order.
    ///
    /// - Throws: ``RedisError`` when the connection breaks; what a command is refused with stands in its result.
    func results(of commands: [RedisCommand]) throws -> [Result<RedisValue, RedisError>] {
        var results: [Result<RedisValue, RedisError>] = []
        for command in commands {
            connection.send(command) { results.append($0) }
        }
        while results.count < commands.count { loop.runOnce(wait: true) }
        for case .failure(let error) in results where error.code == .disconnected || error.code == .timeout {
            throw error
        }
        return results
    }

    /// Runs several transactions (MULTI … EXEC), all sent at once: what one of them reads belongs to one moment.
    /// A command that fails leaves its error in its place.
    func transactions(_ groups: [[RedisCommand]]) throws -> [[RedisValue]] {
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
    static func fields(_ text: String) -> [String: String] {
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
    var pairs: [String: String] {
        let texts = (array ?? []).map { $0.text ?? "" }
        return Dictionary(
            stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }, uniquingKeysWith: { $1 })
    }

    /// Whether it is the error of a key with another type.
    var isWrongType: Bool {
        if case .error(let error) = self { error.code == .wrongType } else { false }
    }
}
