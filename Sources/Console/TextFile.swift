import Glibc

/// Small files that are read whole, such as keys.
package enum SmallFile {
    /// The text of a file.
    ///
    /// - Throws: ``CommandError`` that names the path, when the file cannot be read, is larger than `maxBytes` or is
    ///   not UTF-8.
    package static func read(_ path: String, maxBytes: Int) throws(CommandError) -> String {
        guard let file = fopen(path, "r") else {
            throw CommandError("\(path) cannot be read: \(String(cString: strerror(errno)))", exitCode: 2)
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: maxBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        // A folder can be opened.
        guard ferror(file) == 0 else { throw CommandError("\(path) cannot be read", exitCode: 2) }
        guard count <= maxBytes else { throw CommandError("\(path) is larger than \(maxBytes) bytes", exitCode: 2) }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw CommandError("\(path) is no UTF-8 text", exitCode: 2)
        }
        return text
    }
}

/// Reads a file or standard input line by line, as bytes.
package final class LineReader {
    /// The number of the line that was read last; the first is 1.
    package private(set) var lineNumber = 0

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// The longest line, in bytes; no event is longer.
    private static let maximumLine = 16 << 20

    /// - Parameter path: `-` reads standard input.
    package init(path: String) throws {
        self.path = path
        if path == "-" {
            descriptor = STDIN_FILENO
        } else {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw CommandError("cannot read \(path): \(String(cString: strerror(errno)))", exitCode: 2)
            }
        }
    }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// Whether ``next()`` returns a line without reading more.
    package var hasBufferedLine: Bool {
        buffer[position...].contains(UInt8(ascii: "\n"))
    }

    /// The next line, without its line end; nil after the last.
    ///
    /// - Throws: ``CommandError`` when the file cannot be read, or the line is too long.
    package func next() throws -> [UInt8]? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                lineNumber += 1
                let last = end > position && buffer[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
                return Array(buffer[position..<last])
            }
            if isAtEnd {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                lineNumber += 1
                return Array(buffer[position...])
            }
            guard buffer.count - position <= LineReader.maximumLine else {
                throw CommandError("line \(lineNumber + 1) of \(path) is longer than 16 MiB; one event is a line")
            }
            searched = buffer.count - position
            try fill()
        }
    }

    private func fill() throws {
        buffer.removeFirst(position)
        position = 0
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: 262_144))
        let count = buffer.withUnsafeMutableBytes { bytes in
            read(descriptor, bytes.baseAddress.map { $0 + start }, 262_144)
        }
        buffer.removeLast(262_144 - max(0, count))
        guard count >= 0 else { throw CommandError("cannot read \(path): \(String(cString: strerror(errno)))") }
        isAtEnd = count == 0
    }
}
