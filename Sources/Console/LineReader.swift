import Glibc

/// Reads a file or standard input line by line, as bytes, with memory for some blocks and the longest line only.
package final class LineReader {
    /// What ``advance()`` has come to.
    package enum Step: Equatable {
        /// A line: ``withLine(_:)`` gives it.
        case line
        /// A line that is longer than ``maximumLine``. It has been passed over.
        case tooLong
        /// There is no whole line, and reading more would have to wait.
        case pause
        case end
    }

    /// The longest line, in bytes; no event is longer.
    package static let maximumLine = 16 << 20
    private static let block = 262_144

    /// The number of the line that was read last; the first is 1.
    package private(set) var lineNumber = 0
    /// The bytes of all lines so far, with their line ends.
    package private(set) var bytesPassed = 0
    /// The bytes of a file; nil for what has no size, such as a pipe.
    package let size: Int?
    /// For those who wait until there is something to read. It belongs to the reader.
    package let descriptor: Int32

    private let path: String
    private var buffer = [UInt8](repeating: 0, count: LineReader.block)
    /// What is in the buffer and was not passed.
    private var rest = 0..<0
    /// The line that was read last, in the buffer.
    private var line = 0..<0
    /// How much of `rest` holds no line end.
    private var searched = 0
    /// Whether `rest` continues a line that is too long, of which the part before is gone.
    private var isWithinLongLine = false
    private var isAtEnd = false

    /// - Parameter path: `-` reads standard input.
    package init(path: String) throws(CommandError) {
        self.path = path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandError("cannot read \(path): \(String(cString: strerror(errno)))", exitCode: 2)
        }
        var facts = stat()
        let isFile = fstat(descriptor, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
        // Somebody may have read a part of standard input.
        let start = isFile ? lseek(descriptor, 0, SEEK_CUR) : 0
        size = isFile && start >= 0 ? Int(facts.st_size) - Int(start) : nil
    }

    deinit {
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// Goes on to the next line.
    ///
    /// - Parameter waits: whether to wait for input. ``Step/pause`` comes only when not.
    /// - Throws: ``CommandError`` when the file cannot be read.
    package func advance(waits: Bool = false) throws(CommandError) -> Step {
        while true {
            if let end = endOfLine {
                let last = end > rest.lowerBound && buffer[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
                return pass(rest.lowerBound..<last, next: end + 1)
            }
            searched = rest.count
            if isAtEnd {
                guard !rest.isEmpty || isWithinLongLine else { return .end }
                return pass(rest, next: rest.upperBound)
            }
            if rest.count > LineReader.maximumLine || isWithinLongLine {
                isWithinLongLine = true
                bytesPassed += rest.count
                rest = 0..<0
                searched = 0
            }
            guard waits || isReadable else { return .pause }
            try fill()
        }
    }

    /// The line that was read last, without its line end. The bytes are valid during the call.
    package func withLine<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
        try buffer.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[line])) }
    }

    /// Whether ``next()`` returns a line without reading more.
    package var hasBufferedLine: Bool { endOfLine != nil }

    /// The next line, without its line end; nil after the last. Waits for input.
    ///
    /// - Throws: ``CommandError`` when the file cannot be read, or the line is too long.
    package func next() throws(CommandError) -> [UInt8]? {
        switch try advance(waits: true) {
        case .line: return withLine { [UInt8]($0) }
        case .end, .pause: return nil
        case .tooLong: throw CommandError("line \(lineNumber) of \(path) is longer than 16 MiB; one event is a line")
        }
    }

    /// Where the line end of the next line stands in the buffer; nil when it is not there yet.
    private var endOfLine: Int? {
        let from = rest.lowerBound + searched
        return buffer.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, from < rest.upperBound,
                let found = memchr(start + from, 0x0A, rest.upperBound - from)
            else { return nil }
            return UnsafeRawPointer(found) - start
        }
    }

    private func pass(_ range: Range<Int>, next: Int) -> Step {
        lineNumber += 1
        bytesPassed += next - rest.lowerBound
        line = range
        rest = next..<rest.upperBound
        searched = 0
        defer { isWithinLongLine = false }
        return isWithinLongLine || range.count > LineReader.maximumLine ? .tooLong : .line
    }

    /// Whether reading returns at once: with bytes, at the end, or with an error.
    private var isReadable: Bool {
        var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&question, 1, 0) > 0
    }

    /// Reads what there is, behind the rest, which moves to the front.
    private func fill() throws(CommandError) {
        let kept = rest.count
        let capacity = max(LineReader.block, kept * 2)
        var from = rest.lowerBound
        if buffer.count < capacity {
            var larger = [UInt8](repeating: 0, count: capacity)
            larger.replaceSubrange(0..<kept, with: buffer[rest])
            buffer = larger
            from = 0
        }
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let start = bytes.baseAddress else { return 0 }
            memmove(start, start + from, kept)
            while true {
                let count = read(descriptor, start + kept, bytes.count - kept)
                if count >= 0 || errno != EINTR { return count }
            }
        }
        guard count >= 0 else { throw CommandError("cannot read \(path): \(String(cString: strerror(errno)))") }
        rest = 0..<kept + count
        isAtEnd = count == 0
    }
}
