internal import CSimdjson
import Glibc

/// Parses JSON with simdjson, and reuses its memory for the next document. Not thread-safe.
///
/// Strict RFC 8259, with these choices where the RFC leaves one:
/// - A byte order mark is an error: events are passed on byte for byte, and their readers may not accept one.
/// - A lone surrogate (`"\ud83d"`, the rest of an emoji that a program has split) becomes U+FFFD. Every string of the
///   result is valid Unicode.
/// - A whole number that fits neither `Int64` nor `UInt64`, and a number beyond `Double`, is an error, not rounded.
/// - Duplicate keys are kept.
public final class JSONParser {
    /// Owned here: made in `init`, freed in `deinit`, never handed out.
    private let handle: OpaquePointer
    private let maxBytes: Int
    private let maxDepth: Int

    /// - Parameters:
    ///   - maxBytes: The largest document. Parsing one takes up to about eleven times as much memory.
    ///   - maxDepth: The deepest nesting: 1 allows an object of scalars. At most 1024, which bounds the recursion.
    public init(maxBytes: Int, maxDepth: Int = 64) {
        self.maxBytes = min(max(1, maxBytes), 1 << 30)
        self.maxDepth = min(max(1, maxDepth), 1024)
        guard let handle = csimdjson_create(self.maxBytes, self.maxDepth) else { preconditionFailure("out of memory") }
        self.handle = handle
    }

    deinit {
        csimdjson_destroy(handle)
    }

    public func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        // withUnsafeBytes loses the type of a thrown error; a Result keeps it.
        try bytes.withUnsafeBytes { buffer in result(of: buffer) }.get()
    }

    /// The bytes are copied: they need not outlive the call.
    public func parse(_ buffer: UnsafeRawBufferPointer) throws(JSONError) -> JSON {
        try result(of: buffer).get()
    }

    /// Like ``parse(_:)-([UInt8])``, but throws ``JSONError/Code/notAnObject`` for any other value than an object.
    public func parseObject(_ bytes: [UInt8]) throws(JSONError) -> JSONObject {
        try object(parse(bytes))
    }

    public func parseObject(_ buffer: UnsafeRawBufferPointer) throws(JSONError) -> JSONObject {
        try object(parse(buffer))
    }

    /// Parses an object, and builds only its members with these keys: the rest is checked and passed over.
    package func parseObject(_ buffer: UnsafeRawBufferPointer, only keys: [StaticString]) throws(JSONError)
        -> JSONObject
    {
        try object(result(of: buffer, only: keys).get())
    }

    /// Parses the object whose members begin at `start`, behind an opening brace that may stand elsewhere, without a copy.
    package func parseObject(_ bytes: [UInt8], membersFrom start: Int) throws(JSONError) -> JSONObject {
        try object(
            bytes.withUnsafeBytes { buffer in
                result(of: UnsafeRawBufferPointer(rebasing: buffer[start...]), parse: csimdjson_parse_members)
            }.get())
    }

    private func object(_ value: JSON) throws(JSONError) -> JSONObject {
        if case .object(let object) = value { return object }
        throw JSONError(
            code: .notAnObject, message: "expected a JSON object in braces, found \(JSONError.name(of: value))")
    }

    private func result(
        of buffer: UnsafeRawBufferPointer, only keys: [StaticString]? = nil,
        parse: (OpaquePointer, UnsafeRawPointer?, Int) -> csimdjson_result = csimdjson_parse
    ) -> Result<JSON, JSONError> {
        let code =
            if buffer.count <= maxBytes, let repaired = Surrogates.repaired(buffer) {
                repaired.withUnsafeBytes { parse(handle, $0.baseAddress, $0.count) }
            } else {
                parse(handle, buffer.baseAddress, buffer.count)
            }
        guard code == CSIMDJSON_OK else { return .failure(error(code, buffer)) }
        var tape = Tape(words: csimdjson_tape(handle), strings: csimdjson_strings(handle))
        return .success(tape.root(only: keys))
    }

    private func error(_ code: csimdjson_result, _ buffer: UnsafeRawBufferPointer) -> JSONError {
        let detail = String(cString: csimdjson_message(handle))
        switch code {
        case CSIMDJSON_EMPTY:
            return JSONError(code: .empty, message: "nothing there: send one JSON value")
        case CSIMDJSON_TOO_LARGE:
            return JSONError(
                code: .tooLarge, message: "\(buffer.count) bytes of JSON are too many: at most \(maxBytes) are taken")
        case CSIMDJSON_TOO_DEEP:
            return JSONError(code: .tooDeep, message: "nested too deeply: at most \(maxDepth) levels are taken")
        case CSIMDJSON_NOT_UTF8:
            return JSONError(code: .notUTF8, message: "not UTF-8: JSON must be sent in UTF-8")
        case CSIMDJSON_STRING:
            return JSONError(
                code: .string,
                message: "a string is not ended or holds a bare control character or an unknown escape: \(detail)")
        case CSIMDJSON_NUMBER:
            return JSONError(
                code: .number,
                message: "a number is not written as JSON asks for, or does not fit in 64 bits: send it as a string")
        case CSIMDJSON_NO_MEMORY:
            return JSONError(code: .outOfMemory, message: "no memory left for \(buffer.count) bytes of JSON")
        default:
            if buffer.starts(with: [0xEF, 0xBB, 0xBF]) {
                return JSONError(code: .syntax, message: "begins with a byte order mark: send UTF-8 without one")
            }
            return JSONError(code: .syntax, message: "not JSON: \(detail)")
        }
    }
}

extension JSONError {
    fileprivate static func name(of value: JSON) -> String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .uint, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Why bytes cannot be parsed as JSON.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// No bytes, or only white space.
        case empty
        /// More bytes than the parser's limit.
        case tooLarge
        /// Arrays and objects nested beyond the parser's limit.
        case tooDeep
        case notUTF8
        /// A string without an end, with an unescaped control character or with an unknown escape.
        case string
        /// An invalid number, or one that does not fit.
        case number
        /// Any other violation of the grammar.
        case syntax
        /// The value is not an object, where one is required.
        case notAnObject
        case outOfMemory
    }

    public let code: Code
    /// What is wrong, and what to do about it.
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

/// Replaces lone surrogates in `\u` escapes. A program that splits a string between UTF-16 units, as JavaScript does,
/// writes them, and RFC 8259 section 8.2 does not say what they mean. simdjson rejects a lone high surrogate, and
/// decodes a lone low one to invalid UTF-8, so both are replaced before it parses.
enum Surrogates {
    /// The document with each lone surrogate replaced by `\ufffd`, which has the same length; nil when it has none,
    /// which is the usual case.
    static func repaired(_ document: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let start = document.baseAddress else { return nil }
        var repaired: [UInt8]?
        var index = 0
        while let found = memchr(start + index, 0x5C, document.count - index) {
            index = UnsafeRawPointer(found) - start
            guard let unit = escape(document, at: index) else {
                index += 2
                if index >= document.count { break }
                continue
            }
            let isFirstHalf = unit & 0xFC00 == 0xD800
            if isFirstHalf, let second = escape(document, at: index + 6), second & 0xFC00 == 0xDC00 {
                index += 12
            } else {
                if unit & 0xF800 == 0xD800 {
                    if repaired == nil { repaired = [UInt8](document) }
                    repaired?.replaceSubrange(index + 2..<index + 6, with: "fffd".utf8)
                }
                index += 6
            }
            if index >= document.count { break }
        }
        return repaired
    }

    /// The code unit of the escape `\uXXXX` that begins at `index`; nil when there is none.
    private static func escape(_ document: UnsafeRawBufferPointer, at index: Int) -> UInt16? {
        guard index + 6 <= document.count, document[index] == UInt8(ascii: "\\"),
            document[index + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for byte in document[index + 2..<index + 6] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte &- UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte &- UInt8(ascii: "a") &+ 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte &- UInt8(ascii: "A") &+ 10
            default: return nil
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}
