/// Finds where an HTTP/1.1 answer with a `Content-Length` ends.
///
/// Not a parser for strangers: it reads answers of servers that the measurement started itself, and takes all else for
/// a failure.
enum ResponseScanner {
    enum Found {
        /// The answer goes on.
        case part
        case whole(status: Int, head: Int, length: Int, closes: Bool)
        case nonsense
    }

    /// - Parameter lines: gets each line of the head but the first.
    static func scan(_ bytes: UnsafeRawBufferPointer, lines: (UnsafeRawBufferPointer) -> Void) -> Found {
        guard let head = endOfHead(bytes) else { return bytes.count > 65_536 ? .nonsense : .part }
        guard bytes.count > 12, bytes[0] == UInt8(ascii: "H"), let status = number(bytes, from: 9, to: 12) else {
            return .nonsense
        }
        var length = status == 204 || status == 304 ? 0 : -1
        var closes = false
        var start = 0
        for end in 0..<head where bytes[end] == 10 {
            let line = UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, end - 1)])
            if start > 0 {
                if begins(line, "Content-Length: ") {
                    length = number(line, from: 16, to: line.count) ?? -1
                } else if begins(line, "Connection: close") {
                    closes = true
                } else {
                    lines(line)
                }
            }
            start = end + 1
        }
        guard length >= 0 else { return .nonsense }
        guard bytes.count >= head + length else { return .part }
        return .whole(status: status, head: head, length: length, closes: closes)
    }

    /// The first byte after the empty line.
    static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for end in 3..<bytes.count where bytes[end] == 10 && bytes[end - 2] == 10 && bytes[end - 1] == 13 {
            return end + 1
        }
        return nil
    }

    static func begins(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard line.count >= text.utf8CodeUnitCount else { return false }
        for index in 0..<text.utf8CodeUnitCount where line[index] != text.utf8Start[index] { return false }
        return true
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
        guard end > start, end - start < 12 else { return nil }
        var value = 0
        for index in start..<end {
            let digit = bytes[index] &- 48
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }
}
