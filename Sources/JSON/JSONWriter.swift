extension JSON {
    /// Appends the value as compact JSON.
    ///
    /// In strings `<` is written as `\u003c`, but for a whole `<br>`, and U+2028 and U+2029 are escaped too. So the JSON
    /// is inert in the `script` element of an HTML page: nothing in it ends the element or begins a comment. Beyond that
    /// only what JSON asks for is escaped (RFC 8259, 7): `>` and `&` are not. A `double` has the fewest digits that are
    /// read as the same value; infinity and not-a-number, which JSON lacks, are written as null.
    public func write(into bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(true): bytes.append(contentsOf: "true".utf8)
        case .bool(false): bytes.append(contentsOf: "false".utf8)
        case .int(let value): bytes.appendJSONNumber(value)
        case .uint(let value): bytes.appendJSONNumber(value)
        case .double(let value): bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
        case .string(let value): bytes.appendJSONString(value)
        case .object(let value): value.write(into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            var isFirst = true
            for element in elements {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                element.write(into: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    /// The value as compact JSON, see ``write(into:)``.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        write(into: &bytes)
        return bytes
    }

    /// The value as compact JSON, see ``write(into:)``.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension JSONObject {
    /// Appends the object as compact JSON, see ``JSON/write(into:)``.
    public func write(into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        writeMembers(into: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    /// Appends the members without the braces, see ``write(into:)``.
    package func writeMembers(into bytes: inout [UInt8]) {
        var isFirst = true
        for (key, value) in members {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes.appendJSONString(key)
            bytes.append(UInt8(ascii: ":"))
            value.write(into: &bytes)
        }
    }

    /// The object as compact JSON, see ``JSON/write(into:)``.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        write(into: &bytes)
        return bytes
    }

    /// The object as compact JSON, see ``JSON/write(into:)``.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension [UInt8] {
    /// Appends a string of JSON with its quotes, as ``JSON/write(into:)`` writes strings. Every string of JSON that
    /// this project writes comes from here.
    package mutating func appendJSONString(_ text: String) {
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { JSONEscape.append($0, to: &self) }
        append(UInt8(ascii: "\""))
    }

    fileprivate mutating func appendJSONNumber(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendJSONNumber(number.magnitude)
    }

    fileprivate mutating func appendJSONNumber(_ number: UInt64) {
        let start = count
        var rest = number
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}

/// The escapes inside strings. ``JSON/leastByteCount`` has to know them too.
enum JSONEscape {
    /// How to write a byte: 0 as it is, `u` as `\u00XX`, `<` as `\u003c` unless it begins `<br>`; 0xE2 may begin U+2028
    /// or U+2029; any other value is the letter after a backslash.
    private static let escapes: [UInt8] = {
        var table = [UInt8](repeating: 0, count: 256)
        for control in 0..<0x20 { table[control] = UInt8(ascii: "u") }
        table[Int(UInt8(ascii: "<"))] = UInt8(ascii: "<")
        table[0x08] = UInt8(ascii: "b")
        table[0x09] = UInt8(ascii: "t")
        table[0x0A] = UInt8(ascii: "n")
        table[0x0C] = UInt8(ascii: "f")
        table[0x0D] = UInt8(ascii: "r")
        table[Int(UInt8(ascii: "\""))] = UInt8(ascii: "\"")
        table[Int(UInt8(ascii: "\\"))] = UInt8(ascii: "\\")
        table[0xE2] = 0xE2
        return table
    }()

    private static let hexDigits = [UInt8]("0123456789abcdef".utf8)

    /// Appends each run of bytes without escapes in one step, and escapes the bytes between the runs.
    static func append(_ utf8: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        escapes.withUnsafeBufferPointer { escapes in
            var runStart = 0
            var index = 0
            while index < utf8.count {
                let escape = escapes[Int(utf8[index])]
                if escape == 0 {
                    index += 1
                    continue
                }
                if escape == 0xE2, !isLineSeparator(utf8, at: index) {
                    index += 3
                    continue
                }
                if escape == UInt8(ascii: "<"), isLineBreak(utf8, at: index) {
                    index += 4
                    continue
                }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[runStart..<index]))
                bytes.append(UInt8(ascii: "\\"))
                switch escape {
                case UInt8(ascii: "u"), UInt8(ascii: "<"):
                    bytes.append(contentsOf: "u00".utf8)
                    bytes.append(hexDigits[Int(utf8[index] >> 4)])
                    bytes.append(hexDigits[Int(utf8[index] & 15)])
                    index += 1
                case 0xE2:
                    bytes.append(contentsOf: utf8[index + 2] == 0xA8 ? "u2028".utf8 : "u2029".utf8)
                    index += 3
                default:
                    bytes.append(escape)
                    index += 1
                }
                runStart = index
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[runStart...]))
        }
    }

    /// `<br>`, which HTML has for each line end of a comment, and which can do nothing else.
    static func isLineBreak(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        index + 4 <= utf8.count && utf8[index + 1] == UInt8(ascii: "b") && utf8[index + 2] == UInt8(ascii: "r")
            && utf8[index + 3] == UInt8(ascii: ">")
    }

    /// U+2028 is E2 80 A8, U+2029 is E2 80 A9. The bytes are valid UTF-8, so two more follow an E2.
    static func isLineSeparator(_ utf8: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        utf8[index + 1] == 0x80 && utf8[index + 2] & 0xFE == 0xA8
    }
}
