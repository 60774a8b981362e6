import Glibc
import JSON
import Signing

/// Standard output of a command that prints items: their bytes unchanged, or one JSON object a line.
///
/// Output is buffered until ``flush()``, or until 64 KiB have gathered.
struct ItemOutput {
    /// Standard output cannot be written to.
    struct Failure: Error {
        let code: Int32
        /// The reader has closed the pipe, as `head` does.
        var isClosed: Bool { code == EPIPE }
    }

    let json: Bool
    private var buffer: [UInt8] = []

    init(json: Bool) {
        self.json = json
    }

    /// One line: the raw fields with tabs between them, or the object.
    mutating func line(raw: [[UInt8]], _ object: @autoclosure () -> JSONObject) throws {
        if json {
            object().write(into: &buffer)
        } else {
            buffer.append(contentsOf: raw.joined(separator: [UInt8(ascii: "\t")]))
        }
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= 1 << 16 { try flush() }
    }

    mutating func line(_ text: String, _ object: @autoclosure () -> JSONObject) throws {
        try line(raw: [Array(text.utf8)], object())
    }

    /// Prints ids, one a line.
    mutating func ids(_ ids: [String]) throws {
        for id in ids { try line(id, ["id": .string(id)]) }
        try flush()
    }

    mutating func flush() throws {
        var start = 0
        while start < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                write(STDOUT_FILENO, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count < 0, errno != EINTR { throw Failure(code: errno) }
            start += max(0, count)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// The JSON member of an item: `name` for text, `base64` for bytes that are not UTF-8.
    static func member(_ bytes: [UInt8], named name: String = "item") -> (key: String, value: JSON) {
        if let text = String(validating: bytes, as: UTF8.self) { return (name, .string(text)) }
        return ("base64", .string(Base64.encode(bytes)))
    }
}

extension ItemOutput.Failure: CustomStringConvertible {
    var description: String { "cannot write the output: \(String(cString: strerror(code)))" }
}
