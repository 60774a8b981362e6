import TestSupport
import Testing

@testable import Connectors

@Suite("lines of a stream")
struct EventLinesTests {
    private func split(_ chunks: [String], maxLine: Int = 8) -> [String] {
        var splitter = LineSplitter(maxLine: maxLine)
        var lines: [String] = []
        func take(_ line: LineSplitter.Line) -> Bool {
            switch line {
            case .whole(let bytes): lines.append(String(decoding: bytes, as: UTF8.self))
            case .tooLong(let bytes): lines.append(String(decoding: bytes, as: UTF8.self) + "…")
            }
            return true
        }
        for chunk in chunks { Array(chunk.utf8).withUnsafeBytes { splitter.append($0, take: take) } }
        splitter.finish(take: take)
        return lines
    }

    @Test(
        "lines are cut at their ends, however the bytes come",
        arguments: [
            (["a\nb\n"], ["a", "b"]), (["a", "b\nc"], ["ab", "c"]), (["a\r\n\n"], ["a", ""]), ([], []),
            (["12345678\n"], ["12345678"]), (["123456789\nx\n"], ["12345678…", "x"]),
            (["12345", "6789", "0\nx\n"], ["12345678…", "x"]),
            (["123456789", "0123456789", "\n", "y"], ["12345678…", "y"]),
        ] as [([String], [String])])
    func table(chunks: [String], expected: [String]) {
        #expect(split(chunks) == expected)
    }

    @Test("the lines do not depend on where the bytes are cut")
    func cuts() {
        var generator = SplitMix64()
        for _ in 0..<500 {
            let bytes = (0..<40).map { _ in "ab\n".randomElement(using: &generator)! }
            var chunks = [""]
            for byte in bytes {
                if Bool.random(using: &generator) { chunks.append("") }
                chunks[chunks.count - 1].append(byte)
            }
            #expect(split(chunks) == split([String(bytes)]), "seed \(generator.seed)")
        }
    }
}
