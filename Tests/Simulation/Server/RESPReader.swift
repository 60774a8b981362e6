import Redis

/// Parses the replies of a server from bytes that come in pieces (RESP2).
struct RESPReader {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func feed(_ more: some Sequence<UInt8>) {
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The next complete reply; nil when there is none yet.
    mutating func next() -> RedisValue? {
        var position = start
        guard let value = read(&position) else { return nil }
        start = position
        return value
    }

    private func read(_ position: inout Int) -> RedisValue? {
        guard position < bytes.count, let line = line(from: position + 1) else { return nil }
        let kind = bytes[position]
        position = line.upperBound + 2
        switch kind {
        case UInt8(ascii: "+"): return .string(Array(bytes[line]))
        case UInt8(ascii: "-"): return .error(RedisError(reply: String(decoding: bytes[line], as: UTF8.self)))
        case UInt8(ascii: ":"): return .integer(Int64(number(line)))
        case UInt8(ascii: "$"):
            let count = number(line)
            guard count >= 0 else { return .null }
            guard position + count + 2 <= bytes.count else { return nil }
            let text = Array(bytes[position..<(position + count)])
            position += count + 2
            return .string(text)
        case UInt8(ascii: "*"):
            let count = number(line)
            guard count >= 0 else { return .null }
            var elements: [RedisValue] = []
            elements.reserveCapacity(count)
            for _ in 0..<count {
                guard let element = read(&position) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        default:
            preconditionFailure("the server sent a reply of an unknown kind: \(kind)")
        }
    }

    /// The bytes up to the next line end.
    private func line(from start: Int) -> Range<Int>? {
        var end = start
        while end + 1 < bytes.count {
            if bytes[end] == 0x0D, bytes[end + 1] == 0x0A { return start..<end }
            end += 1
        }
        return nil
    }

    private func number(_ line: Range<Int>) -> Int {
        var value = 0
        var sign = 1
        for byte in bytes[line] {
            if byte == UInt8(ascii: "-") { sign = -1 } else { value = value * 10 + Int(byte - 48) }
        }
        return sign * value
    }
}
