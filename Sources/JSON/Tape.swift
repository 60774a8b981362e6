internal import Glibc

/// Builds the tree from the tape of a document that simdjson has parsed, without a C call for each node.
///
/// The format is described in simdjson's doc/tape.md: words of 64 bits, in the order of the document. The upper 8 bits
/// of a word are the type as an ASCII letter, the other 56 its payload:
/// - `r`: root, at both ends; the payload of the first is the index of the last.
/// - `{` `[`: the lower 32 bits of the payload are the index after the matching end, the next 24 the number of members
///   or elements, which saturates at 0xFFFFFF.
/// - `}` `]`: the payload is the index of the beginning.
/// - `"`: the payload is an offset into the string buffer: 32 bits of length in the machine's byte order, the bytes,
///   NUL. Keys are strings too, each before its value.
/// - `l` `u` `d`: the next word is the Int64, the UInt64, the Double.
/// - `t` `f` `n`: true, false, null.
///
/// The pointers belong to the parser and are valid until it parses again. The parser has checked the depth, which
/// bounds the recursion here.
struct Tape {
    private let words: UnsafePointer<UInt64>
    private let strings: UnsafeRawPointer
    /// The index of the next word.
    private var next = 1

    init(words: UnsafePointer<UInt64>, strings: UnsafePointer<UInt8>) {
        self.words = words
        self.strings = UnsafeRawPointer(strings)
    }

    /// - Parameter keys: of an object, only the members with these keys are built; nil: all.
    mutating func root(only keys: [StaticString]? = nil) -> JSON {
        next = 1
        if let keys, UInt8(truncatingIfNeeded: words[1] >> 56) == UInt8(ascii: "{") {
            next = 2
            return .object(object(words[1], only: keys))
        }
        return value()
    }

    private mutating func value() -> JSON {
        let word = words[next]
        next += 1
        switch UInt8(truncatingIfNeeded: word >> 56) {
        case UInt8(ascii: "\""): return .string(string(word))
        case UInt8(ascii: "{"): return .object(object(word))
        case UInt8(ascii: "["): return .array(array(word))
        case UInt8(ascii: "l"): return .int(Int64(bitPattern: number()))
        case UInt8(ascii: "u"): return .uint(number())
        case UInt8(ascii: "d"): return .double(Double(bitPattern: number()))
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        default: return .null
        }
    }

    private mutating func number() -> UInt64 {
        defer { next += 1 }
        return words[next]
    }

    private mutating func object(_ word: UInt64) -> JSONObject {
        let end = Int(word & 0xFFFF_FFFF) - 1
        var members: [(key: String, value: JSON)] = []
        members.reserveCapacity(Int((word >> 32) & 0xFF_FFFF))
        while next < end {
            let key = string(words[next])
            next += 1
            members.append((key: key, value: value()))
        }
        next = end + 1
        return JSONObject(members: members)
    }

    private mutating func object(_ word: UInt64, only keys: [StaticString]) -> JSONObject {
        let end = Int(word & 0xFFFF_FFFF) - 1
        var object = JSONObject()
        while next < end {
            let key = bytes(words[next])
            next += 1
            if keys.contains(where: { $0.equals(key) }) {
                object.append(key: String(decoding: key, as: UTF8.self), value: value())
            } else {
                skip()
            }
        }
        return object
    }

    /// Passes over a value.
    private mutating func skip() {
        let word = words[next]
        switch UInt8(truncatingIfNeeded: word >> 56) {
        case UInt8(ascii: "{"), UInt8(ascii: "["): next = Int(word & 0xFFFF_FFFF)
        case UInt8(ascii: "l"), UInt8(ascii: "u"), UInt8(ascii: "d"): next += 2
        default: next += 1
        }
    }

    private mutating func array(_ word: UInt64) -> [JSON] {
        let end = Int(word & 0xFFFF_FFFF) - 1
        var elements: [JSON] = []
        elements.reserveCapacity(Int((word >> 32) & 0xFF_FFFF))
        while next < end { elements.append(value()) }
        next = end + 1
        return elements
    }

    private func string(_ word: UInt64) -> String {
        String(decoding: bytes(word), as: UTF8.self)
    }

    private func bytes(_ word: UInt64) -> UnsafeBufferPointer<UInt8> {
        let start = strings + Int(word & 0x00FF_FFFF_FFFF_FFFF)
        let count = Int(start.loadUnaligned(as: UInt32.self))
        return UnsafeBufferPointer(start: (start + 4).assumingMemoryBound(to: UInt8.self), count: count)
    }
}

extension StaticString {
    fileprivate func equals(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count == utf8CodeUnitCount, let start = bytes.baseAddress else { return false }
        return memcmp(start, utf8Start, bytes.count) == 0
    }
}
