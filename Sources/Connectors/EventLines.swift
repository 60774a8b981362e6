import Glibc
import JSON
import Pipeline

extension Event {
    /// The event as JSON on one line, without the line end. JSON that another program put into the queue may span
    /// several lines; it is written again then.
    var line: [UInt8] {
        let bytes = bytes
        let isSpread = bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return false }
            return memchr(start, 10, buffer.count) != nil || memchr(start, 13, buffer.count) != nil
        }
        return isSpread ? fields.bytes : bytes
    }
}

/// Splits a stream of bytes into lines. Pure. Buffers at most one line of the greatest length.
struct LineSplitter {
    /// A line without its end.
    enum Line {
        case whole(UnsafeRawBufferPointer)
        /// The first ``maxLine`` bytes of a longer line; the rest of the line is skipped.
        case tooLong(UnsafeRawBufferPointer)
    }

    private let maxLine: Int
    private var rest: [UInt8] = []
    private var isSkipping = false

    init(maxLine: Int) {
        self.maxLine = maxLine
    }

    /// Whether a line has begun whose end has not arrived.
    var hasRest: Bool { !rest.isEmpty }

    /// Adds bytes of the stream and passes each complete line to `take`. A line is valid only during that call. When
    /// `take` returns false, the rest of the bytes is dropped.
    mutating func append(_ bytes: UnsafeRawBufferPointer, take: (Line) -> Bool) {
        var position = 0
        while position < bytes.count {
            let tail = UnsafeRawBufferPointer(rebasing: bytes[position...])
            guard let end = LineSplitter.firstEnd(tail) else { return keep(tail, take) }
            position += end + 1
            if isSkipping {
                isSkipping = false
                continue
            }
            guard finish(UnsafeRawBufferPointer(rebasing: tail[..<end]), take) else { return }
        }
    }

    /// Ends the stream. A last line without an end is passed to `take`.
    mutating func finish(take: (Line) -> Bool) {
        guard hasRest else { return }
        _ = finish(UnsafeRawBufferPointer(start: nil, count: 0), take)
    }

    private static func firstEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress, let end = memchr(start, 10, bytes.count) else { return nil }
        return UnsafeRawPointer(end) - start
    }

    private mutating func finish(_ end: UnsafeRawBufferPointer, _ take: (Line) -> Bool) -> Bool {
        guard !rest.isEmpty else { return take(line(end)) }
        rest.append(contentsOf: end)
        let whole = rest
        rest.removeAll(keepingCapacity: rest.capacity <= 65_536)
        return whole.withUnsafeBytes { take(line($0)) }
    }

    private func line(_ bytes: UnsafeRawBufferPointer) -> Line {
        if bytes.count > maxLine { return .tooLong(UnsafeRawBufferPointer(rebasing: bytes.prefix(maxLine))) }
        return .whole(bytes.last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes)
    }

    private mutating func keep(_ tail: UnsafeRawBufferPointer, _ take: (Line) -> Bool) {
        guard !isSkipping else { return }
        let room = maxLine + 1 - rest.count
        rest.append(contentsOf: tail.prefix(room))
        guard tail.count >= room else { return }
        isSkipping = true
        let whole = rest
        rest = []
        _ = whole.withUnsafeBytes { take(line($0)) }
    }
}
