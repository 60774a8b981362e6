/// A reply of Redis (RESP2).
public enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A bulk string or a status: bytes, which need not be text.
    case string([UInt8])
    case array([RedisValue])
    /// An error inside an array. A reply that is an error as a whole arrives as a failure instead.
    case error(RedisError)

    /// The bytes of a string, nil for anything else.
    public var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// A string as text (invalid UTF-8 repaired), nil for anything else.
    public var text: String? {
        if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// An integer, also one that is written as a string; nil for anything else.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .string(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    /// The elements of an array, nil for anything else.
    public var array: [RedisValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}
