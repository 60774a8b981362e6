import TestSupport
import Testing

@testable import Edge

@Suite("Decoding a chunked body")
struct ChunkedDecoderTests {
    private static func decode(_ text: String, limit: Int = 1000, ends: [Int] = []) -> (String, ChunkedDecoder.Progress)
    {
        var decoder = ChunkedDecoder(limit: limit)
        var body: [UInt8] = []
        let bytes = Array(text.utf8)
        var start = 0
        for end in ends + [bytes.count] {
            let progress = decoder.decode(bytes.span.extracting(start..<end), into: &body)
            switch progress {
            case .needsMore: start = end
            case .complete(let consumed):
                return (String(decoding: body, as: UTF8.self), .complete(consumed: start + consumed))
            case .refused: return ("", progress)
            }
        }
        return (String(decoding: body, as: UTF8.self), .needsMore)
    }

    @Test(
        "chunks, extensions and trailers are read",
        arguments: [
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n", "hello"),
            ("0\r\n\r\n", ""),
            ("A\r\n0123456789\r\n0000\r\nX: y\r\nZ: w\r\n\r\n", "0123456789"),
            ("1\r\n\r\r\n0\r\n\r\n", "\r"),
        ])
    func good(_ text: String, _ body: String) {
        let whole = Self.decode(text)
        #expect(whole.0 == body)
        #expect(whole.1 == .complete(consumed: text.utf8.count))
        for end in 0..<text.utf8.count {
            let split = Self.decode(text, ends: [end])
            #expect(split.0 == body && split.1 == whole.1, "split at \(end)")
        }
        #expect(Self.decode(text, ends: Array(0..<text.utf8.count)).0 == body)
        // The rest belongs to the next request.
        #expect(Self.decode(text + "GET /").1 == .complete(consumed: text.utf8.count))
    }

    @Test(
        "malformed chunks are refused",
        arguments: [
            "\r\n", "x\r\n", "5\nhello", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "-1\r\n", "0x5\r\nhello\r\n", "5\rhello", "000000005\r\nhello\r\n", "5;a\nb\r\nhello\r\n",
            "0\r\nX: y\n\r\n",
            "0\r\n\rX", "5;\0\r\nhello\r\n",
        ])
    func malformed(_ text: String) {
        for ends in [[], Array(0..<text.utf8.count)] {
            guard case .refused(let error) = Self.decode(text, ends: ends).1 else {
                Issue.record("accepted: \(text.debugDescription)")
                return
            }
            #expect(error.status == .badRequest)
        }
    }

    @Test("a body beyond the limit is refused as soon as a chunk announces it")
    func tooLarge() {
        for text in ["B\r\n", "5\r\nhello\r\n6\r\n", "FFFFFFFF\r\n"] {
            guard case .refused(let error) = Self.decode(text, limit: 10).1 else {
                Issue.record("accepted: \(text.debugDescription)")
                continue
            }
            #expect(error.status == .contentTooLarge)
        }
        #expect(Self.decode("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n", limit: 10).0 == "hellohello")
    }

    @Test("extensions and trailers have a limit")
    func overhead() {
        let long = String(repeating: "a", count: 5000)
        for text in ["1;\(long)\r\n", "0\r\nX: \(long)\r\n\r\n"] {
            guard case .refused = Self.decode(text).1 else {
                Issue.record("accepted")
                continue
            }
        }
    }
}
