/// What answers are written with.
extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal digits.
    mutating func appendDecimal(_ number: Int64) {
        if number < 0 { append(0x2D) }
        var rest = number.magnitude
        let start = count
        repeat {
            append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// Appends a number in exactly `width` digits, with zeros in front. A larger number loses its first digits.
    mutating func appendDecimal(_ number: Int64, width: Int) {
        let start = count
        var rest = number.magnitude
        append(contentsOf: repeatElement(0x30, count: width))
        var index = start + width
        while rest > 0, index > start {
            index -= 1
            self[index] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }
}
