import Console
import Glibc
import TestSupport
import Testing

@Suite("reading lines")
struct LineReaderTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func reader(_ text: String) throws -> LineReader {
        try LineReader(path: folder.write(text, to: "lines"))
    }

    /// All lines; one that is too long as `…`.
    private func lines(_ reader: LineReader) throws -> [String] {
        var lines: [String] = []
        while true {
            switch try reader.advance(waits: true) {
            case .line: lines.append(reader.withLine { String(decoding: $0, as: UTF8.self) })
            case .tooLong: lines.append("…")
            case .pause, .end: return lines
            }
        }
    }

    @Test(
        "line ends are those of any system, and the last one may be missing",
        arguments: [
            ("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("a\r\nb\r\n", ["a", "b"]),
            ("\n\na\n\n", ["", "", "a", ""]), ("a\rb\n\r\n", ["a\rb", ""]), ("\0\n", ["\0"]),
        ])
    func ends(text: String, expected: [String]) throws {
        let reader = try reader(text)
        #expect(try lines(reader) == expected)
        #expect(reader.lineNumber == expected.count)
        #expect(reader.bytesPassed == text.utf8.count)
        #expect(reader.size == text.utf8.count)
    }

    @Test("lines of all lengths come whole, across the blocks in which a file is read", arguments: 0..<4)
    func blocks(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let expected = (0..<300).map { number in
            let length = Int.random(in: 0...[10, 500, 5000, 300_000][number % 4], using: &generator)
            return String(repeating: "abcdefghij", count: length / 10) + "\(number)"
        }
        #expect(try lines(reader(expected.joined(separator: "\n"))) == expected)
    }

    @Test("a line that is too long is passed over whole, and the next one is read")
    func tooLong() throws {
        let longest = String(repeating: "x", count: LineReader.maximumLine)
        let whole = try lines(reader("a\n\(longest)\nb"))
        #expect(whole.map(\.utf8.count) == [1, LineReader.maximumLine, 1])
        #expect(try lines(reader("a\n\(longest)y\nb\n\(longest)\(longest)")) == ["a", "…", "b", "…"])
        let reader = try reader("a\n\(longest)y\nb")
        #expect(try reader.next() == Array("a".utf8))
        #expect(throws: CommandError.self) { try reader.next() }
    }

    @Test("a pipe that has no whole line is a pause, not a wait; its end is the end")
    func pause() throws {
        let path = folder.file("pipe")
        #expect(mkfifo(path, 0o600) == 0)
        // Opened for both, so that opening waits for nobody.
        let writer = open(path, O_RDWR | O_CLOEXEC)
        let reader = try LineReader(path: path)
        func put(_ text: String) { #expect(text.withCString { write(writer, $0, strlen($0)) } == text.utf8.count) }
        #expect(reader.size == nil)
        #expect(try reader.advance() == .pause)
        put("on")
        #expect(try reader.advance() == .pause)
        #expect(!reader.hasBufferedLine)
        put("e\ntwo\nth")
        #expect(try reader.advance() == .line)
        #expect(reader.withLine { $0.elementsEqual("one".utf8) })
        #expect(reader.hasBufferedLine)
        #expect(try reader.advance() == .line)
        #expect(try reader.advance() == .pause)
        close(writer)
        #expect(try reader.advance() == .line)
        #expect(reader.withLine { $0.elementsEqual("th".utf8) })
        #expect(try reader.advance() == .end)
        #expect(try reader.advance() == .end)
    }

    @Test("a folder and a missing file are errors")
    func errors() throws {
        #expect(throws: CommandError.self) { try LineReader(path: folder.file("none")) }
        let reader = try LineReader(path: folder.path)
        #expect(throws: CommandError.self) { try reader.advance() }
    }
}
