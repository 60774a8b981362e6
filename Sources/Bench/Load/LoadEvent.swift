/// The events that a benchmark publishes: JSON objects of a fixed size that contain their number in the channel and the
/// time at which they were due, so that readers can check them without parsing.
///
///     {"n":"0000000042","t":"0000001234567890123","x":"….."}
package struct LoadEvent: Sendable {
    /// The size of each event, in bytes.
    package let size: Int

    private static let head: StaticString = "{\"n\":\""
    private static let middle: StaticString = "\",\"t\":\""
    private static let tail: StaticString = "\",\"x\":\""
    private static let numberDigits = 10
    private static let timeDigits = 19
    private static let numberStart = 6
    private static let timeStart = 6 + 10 + 7

    /// - Parameter size: in bytes, at least 64.
    package init(size: Int) {
        self.size = max(64, size)
    }

    /// The bytes of an event.
    ///
    /// - Parameters:
    ///   - number: its number in the channel, from 1.
    ///   - time: when it is due, in nanoseconds of the monotonic clock.
    package func bytes(number: Int, time: Int64) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(size)
        func append(_ text: StaticString) {
            text.withUTF8Buffer { result.append(contentsOf: $0) }
        }
        func append(_ value: Int64, digits: Int) {
            let start = result.count
            result.append(contentsOf: repeatElement(48, count: digits))
            var rest = value
            for place in stride(from: start + digits - 1, through: start, by: -1) {
                result[place] = 48 + UInt8(rest % 10)
                rest /= 10
            }
        }
        append(Self.head)
        append(Int64(number), digits: Self.numberDigits)
        append(Self.middle)
        append(time, digits: Self.timeDigits)
        append(Self.tail)
        result.append(contentsOf: repeatElement(UInt8(ascii: "x"), count: size - result.count - 2))
        result.append(UInt8(ascii: "\""))
        result.append(UInt8(ascii: "}"))
        return result
    }

    /// Reads the events of a body: one event, or a JSON array of events without white space. Returns false for any
    /// other body.
    func read(_ body: UnsafeRawBufferPointer, _ found: (_ number: Int, _ time: Int64) -> Void) -> Bool {
        guard let first = body.first else { return false }
        if first == UInt8(ascii: "{") { return body.count == size && readOne(body, at: 0, found) }
        guard first == UInt8(ascii: "["), body.count >= 2, body[body.count - 1] == UInt8(ascii: "]") else {
            return false
        }
        if body.count == 2 { return true }
        guard (body.count - 1) % (size + 1) == 0 else { return false }
        for start in stride(from: 1, to: body.count - 1, by: size + 1) {
            guard readOne(body, at: start, found) else { return false }
        }
        return true
    }

    private func readOne(
        _ body: UnsafeRawBufferPointer, at start: Int, _ found: (_ number: Int, _ time: Int64) -> Void
    ) -> Bool {
        guard body[start] == UInt8(ascii: "{"), body[start + 2] == UInt8(ascii: "n"),
            body[start + size - 1] == UInt8(ascii: "}"),
            let number = Self.number(body, start + Self.numberStart, Self.numberDigits),
            let time = Self.number(body, start + Self.timeStart, Self.timeDigits)
        else { return false }
        found(Int(number), time)
        return true
    }

    private static func number(_ body: UnsafeRawBufferPointer, _ start: Int, _ digits: Int) -> Int64? {
        var value: Int64 = 0
        for place in start..<start + digits {
            let digit = body[place] &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int64(digit)
        }
        return value
    }
}
