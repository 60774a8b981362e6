/// A JSON value (RFC 8259) as a tree.
///
/// Strings are compared by their bytes, not by Unicode's canonical equivalence: two values are equal when they are
/// written the same.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// A whole number above `Int64.max`; smaller ones are `int`.
    case uint(UInt64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)
}

extension JSON {
    /// The text, when this is a string.
    @inlinable public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number, when this is a whole number that fits.
    @inlinable public var int: Int64? {
        if case .int(let value) = self { value } else { nil }
    }

    /// The number, when this is any number. A whole number beyond 2^53 is rounded.
    @inlinable public var double: Double? {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        case .uint(let value): Double(value)
        default: nil
        }
    }

    @inlinable public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    @inlinable public var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    @inlinable public var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    @inlinable public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The member `key` of an object; nil for every other value.
    @inlinable public subscript(key: String) -> JSON? {
        if case .object(let value) = self { value[key] } else { nil }
    }
}

extension JSON: Equatable {
    public static func == (lhs: JSON, rhs: JSON) -> Bool {
        switch (lhs, rhs) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.uint(let a), .uint(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }
}

extension String {
    /// Equality of the code units, as RFC 8259 section 8.3 recommends. `==` alone finds é and e + U+0301 equal; it is
    /// evaluated first because it rejects most unequal strings in a nanosecond.
    @usableFromInline func hasSameBytes(as other: String) -> Bool {
        self == other && utf8.elementsEqual(other.utf8)
    }
}

extension JSON: ExpressibleByNilLiteral {
    public init(nilLiteral: ()) { self = .null }
}

extension JSON: ExpressibleByBooleanLiteral {
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSON: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int64) { self = .int(value) }
}

extension JSON: ExpressibleByFloatLiteral {
    public init(floatLiteral value: Double) { self = .double(value) }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) { self = .string(value) }
}

extension JSON: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
}

extension JSON: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(JSONObject(members: elements.map { (key: $0.0, value: $0.1) }))
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(members: elements.map { (key: $0.0, value: $0.1) })
    }
}
