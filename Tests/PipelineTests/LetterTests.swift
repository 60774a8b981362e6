import JSON
import TestSupport
import Testing

@testable import Pipeline

@Suite("letters")
struct LetterTests {
    private func encoded(_ event: [UInt8], reason: String = "it would not") throws -> ParsedJSON {
        let letter = Letter(
            event: event, reason: reason, stage: "format", attempts: 5, time: 1_700_000_000_123, id: "7-1-0")
        let bytes = letter.encoded(with: JSONParser(maxBytes: 1 << 20))
        return try ParsedJSON(parsing: String(decoding: bytes, as: UTF8.self))
    }

    @Test("a letter tells what, why, where, how often and when")
    func members() throws {
        #expect(
            try encoded(Array(#"{"thread":"1","text":"a\"b"}"#.utf8)) == [
                "id": "7-1-0", "stage": "format", "error": "it would not", "attempts": 5, "time": 1_700_000_000_123,
                "event": ["thread": "1", "text": "a\"b"],
            ])
    }

    @Test("what is no JSON object is kept as text", arguments: ["no JSON", "[1]", "", "{\"a\":", "null"])
    func text(_ raw: String) throws {
        let letter = try encoded(Array(raw.utf8))
        #expect(letter["event"] == .string(raw))
        #expect(letter["hex"] == nil)
    }

    @Test("what is not even text is kept byte by byte as well")
    func bytes() throws {
        let letter = try encoded([0xff, 0x00, 0x61])
        #expect(letter["hex"] == "ff0061")
        #expect(letter["event"]?.string?.hasSuffix("a") == true)
    }
}
