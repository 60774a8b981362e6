import TestSupport
import Testing

@testable import Edge

@Suite("Offsets")
struct OffsetTests {
    @Test("an offset is read back as it was written")
    func roundTrip() {
        var random = SplitMix64()
        for _ in 0..<500 {
            let position = Position(
                epoch: Int64.random(in: 0...9_999_999_999, using: &random),
                born: Int64.random(in: 0...9_999_999_999_999, using: &random),
                sequence: Int64.random(in: 0...9_999_999_999_999_999, using: &random))
            #expect(position.text.utf8.count == Position.length)
            #expect(Offset(position.text) == .position(position), "seed \(random.seed)")
        }
    }

    @Test("the order of the texts is the order of the sequence numbers")
    func order() {
        let texts = [0, 1, 9, 10, 11, 99, 100, 12345, 999_999, 1_000_000].map {
            Position(epoch: 3, born: 1_700_000_000_000, sequence: $0).text
        }
        #expect(texts == texts.sorted())
        // An empty feed's position stands before every position of the feed that is created then.
        #expect(Position(epoch: 3, born: 0, sequence: 0).text < texts[0])
    }

    @Test("the two words are offsets")
    func words() {
        #expect(Offset("-1") == .beginning)
        #expect(Offset("now") == .now)
    }

    @Test(
        "everything else is none",
        arguments: [
            "", "0", "1", "-2", "NOW", "now ", " now", "-1-1", "0000000000_0000000000000_000000000000000",
            "0000000000_0000000000000_00000000000000000", "0000000000-0000000000000_0000000000000000",
            "000000000a_0000000000000_0000000000000000", "+000000000_0000000000000_0000000000000000",
            "0000000000_0000000000000_000000000000000\u{661}", "0000000000_0000000000000_0000000000000000\n",
        ])
    func malformed(_ text: String) {
        #expect(Offset(text) == nil)
    }
}
