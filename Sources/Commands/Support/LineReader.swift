import Console
import Glibc

/// Reads a file or standard input line by line, whatever bytes it holds.
final class LineReader {
    /// The number of the line that was read last, from 1.
    private(set) var lineNumber = 0

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// A longer line is an error: it would be no event.
    private static let maximumLine = 16 << 20

    init(path: String) throws {
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

    /// Whether a whole line is there without reading more.
    var hasBufferedLine: Bool {
        buffer[position...].contains(UInt8(ascii: "\n"))
    }

    /// The next line without its end; nil after the last.
    func next() throws -> [UInt8]? {
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
