/// A command with its arguments, encoded as RESP while it is built. Arguments are bytes: any value is safe.
public struct RedisCommand: Sendable {
    /// How many words it has.
    package private(set) var wordCount = 0
    private var arguments: [UInt8] = []

    public init(_ words: String...) {
        for word in words { append(word) }
    }

    /// Creates a command from a sequence of words.
    public init(words: some Sequence<String>) {
        for word in words { append(word) }
    }

    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ number: Int64) {
        append(String(number))
    }

    public mutating func append(_ number: Int) {
        append(String(number))
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        wordCount += 1
        arguments.append(UInt8(ascii: "$"))
        RedisCommand.write(bytes.count, to: &arguments)
        arguments.append(contentsOf: bytes)
        arguments.append(UInt8(ascii: "\r"))
        arguments.append(UInt8(ascii: "\n"))
    }

    /// Appends all words of another command, or of a part of one.
    package mutating func append(argumentsOf other: RedisCommand) {
        wordCount += other.wordCount
        arguments.append(contentsOf: other.arguments)
    }

    /// The bytes of its words in RESP.
    package var byteCount: Int { arguments.count }

    /// Reserves memory for this many more bytes.
    public mutating func reserve(_ bytes: Int) {
        arguments.reserveCapacity(arguments.count + bytes)
    }

    /// The command in RESP.
    public var encoded: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(arguments.count + 17)
        result.append(UInt8(ascii: "*"))
        RedisCommand.write(wordCount, to: &result)
        result.append(contentsOf: arguments)
        return result
    }

    private static func write(_ number: Int, to bytes: inout [UInt8]) {
        if number < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(number))
        } else {
            var digits = String(number)
            digits.withUTF8 { bytes.append(contentsOf: $0) }
        }
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// A reply from Redis (RESP2).
public enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A bulk string or a status. The bytes need not be text.
    case string([UInt8])
    case array([RedisValue])
    /// An error inside an array. An error reply as a whole is a failure instead.
    case error(RedisError)

    /// The bytes of a string; nil for any other value.
    public var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// A string as text, with invalid UTF-8 replaced; nil for any other value.
    public var text: String? {
        if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// An integer, or a string that is one; nil for any other value.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .string(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    /// The elements of an array; nil for any other value.
    public var array: [RedisValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}
