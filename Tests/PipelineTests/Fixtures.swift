import Events
import JSON
import Redis
import TestSupport

@testable import Pipeline

/// An event as a lane hands it to a stage.
func event(_ text: String) throws -> Event {
    let raw = Array(text.utf8)
    return Event(fields: try JSONParser(maxBytes: 1 << 20).parseObject(raw), raw: raw)
}

/// A command as its words.
func words(_ command: RedisCommand) -> [String] {
    var rest = command.encoded[...]
    func line() -> String {
        let end = rest.firstIndex(of: UInt8(ascii: "\r")) ?? rest.endIndex
        defer { rest = rest[(end + 2)...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }
    let count = Int(line().dropFirst()) ?? 0
    return (0..<count).map { _ in
        let length = Int(line().dropFirst()) ?? 0
        defer { rest = rest.dropFirst(length + 2) }
        return String(decoding: rest.prefix(length), as: UTF8.self)
    }
}
