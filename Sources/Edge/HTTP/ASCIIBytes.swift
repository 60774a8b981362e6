import Glibc

/// Comparing and reading the bytes of HTTP messages.
extension Span where Element == UInt8 {
    /// Whether the bytes equal the text.
    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { bytes in bytes.baseAddress.map { memcmp($0, text.utf8Start, bytes.count) == 0 } ?? true
        }
    }

    /// Whether the bytes equal the text's UTF-8.
    func equals(_ text: String) -> Bool {
        let isSame = text.utf8.withContiguousStorageIfAvailable { known in
            known.count == count
                && withUnsafeBytes { bytes in
                    guard let start = bytes.baseAddress, let other = known.baseAddress else { return true }
                    return memcmp(start, other, bytes.count) == 0
                }
        }
        return isSame ?? withUnsafeBufferPointer { $0.elementsEqual(text.utf8) }
    }

    /// Whether the bytes contain a control character other than a tab.
    var hasControls: Bool {
        withUnsafeBufferPointer { bytes in
            // Without an early exit, so that the compiler can vectorize it.
            bytes.reduce(false) { found, byte in found || (byte < 0x20 && byte != 0x09) || byte == 0x7F }
        }
    }

    /// Whether the bytes contain anything but printable ASCII.
    var hasUnprintables: Bool {
        withUnsafeBufferPointer { bytes in bytes.reduce(false) { found, byte in found || byte &- 0x20 > 0x5E } }
    }

    /// Whether the bytes equal the text when the case of ASCII letters is ignored. `text` must be in lower case.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = UnsafeBufferPointer(start: text.utf8Start, count: count)
        for index in 0..<count where self[index].lowercasedASCII != other[index] { return false }
        return true
    }

    func starts(with text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && extracting(0..<text.utf8CodeUnitCount).equals(text)
    }

    /// The first index of a byte, at or after `start`.
    func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count else { return nil }
        return withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = memchr(base + start, Int32(byte), bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// The number that the decimal digits spell; nil for anything else and for more than 18 digits, which might not
    /// fit.
    var decimal: Int64? {
        guard (1...18).contains(count) else { return nil }
        var value: Int64 = 0
        for index in 0..<count {
            guard self[index].isDigit else { return nil }
            value = value &* 10 &+ Int64(self[index] &- 0x30)
        }
        return value
    }

    /// The range without spaces and tabs at both ends.
    func trimmed() -> Range<Int> {
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }

    /// A copy of the bytes.
    func array() -> [UInt8] {
        withUnsafeBufferPointer { Array($0) }
    }
}

extension UInt8 {
    var lowercasedASCII: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self
    }

    var isDigit: Bool {
        self &- 0x30 < 10
    }

    /// Whether it may occur in a token (RFC 9110, 5.6.2).
    var isTokenCharacter: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    /// The value of a hexadecimal digit.
    var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}

/// Writing the bytes of HTTP messages.
extension [UInt8] {
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal.
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

    /// Appends a number in exactly `width` digits, padded with zeros. The leading digits of a larger number are cut
    /// off.
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
