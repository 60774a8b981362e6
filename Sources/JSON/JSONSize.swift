extension JSONObject {
    /// The bytes that ``write(into:)`` appends.
    package var byteCount: Int { size(.written) }

    /// The least bytes in which the object can be written as compact JSON: with the escapes that JSON asks for and no
    /// others. Whatever a sender's form was, it had at least as many.
    package var leastByteCount: Int { size(.least) }

    fileprivate func size(_ form: JSONSize) -> Int {
        // Braces, commas and colons.
        members.reduce(members.isEmpty ? 2 : 1) { $0 + form.size(of: $1.key) + form.size(of: $1.value) + 2 }
    }
}

/// Counts the bytes of JSON without writing it.
private enum JSONSize {
    /// As ``JSON/write(into:)`` writes it.
    case written
    /// With as few escapes as possible.
    case least

    func size(of value: JSON) -> Int {
        switch value {
        case .string(let text): size(of: text)
        case .object(let object): object.size(self)
        case .array(let elements):
            elements.reduce(elements.isEmpty ? 2 : 1) { $0 + size(of: $1) + 1 }
        case .double where self == .least: JSONSize.shortest(value.bytes)
        case .null, .bool, .int, .uint, .double: value.bytes.count
        }
    }

    /// The bytes of a floating-point number with its zeros as an exponent: 4 for `9000000000000000.0`, which is `9e15`.
    private static func shortest(_ number: [UInt8]) -> Int {
        guard number.suffix(2).elementsEqual(".0".utf8), !number.contains(UInt8(ascii: "e")) else {
            return number.count
        }
        let digits = number.dropLast(2)
        let zeros = digits.reversed().prefix { $0 == UInt8(ascii: "0") }.count
        guard zeros > 2, zeros < digits.count else { return digits.count }
        return digits.count - zeros + (zeros > 9 ? 3 : 2)
    }

    func size(of text: String) -> Int {
        var text = text
        return text.withUTF8 { utf8 in
            var size = utf8.count + 2
            var index = 0
            while index < utf8.count {
                switch utf8[index] {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x08, 0x09, 0x0A, 0x0C, 0x0D: size += 1
                case 0x00..<0x20: size += 5
                case UInt8(ascii: "<") where self == .written:
                    if !JSONEscape.isLineBreak(utf8, at: index) { size += 5 }
                case 0xE2 where self == .written:
                    if JSONEscape.isLineSeparator(utf8, at: index) { size += 3 }
                default: break
                }
                index += 1
            }
            return size
        }
    }
}
