import TestSupport
import Testing

@testable import Edge

@Suite("Offsets")
struct OffsetTests {
    @Test("an offset is read back as it was written")
    func roundTrip() {
        var random = SplitMix64()
        for _ in 0..<500 {
            // Of an older library, and of this one.
            let epochs: ClosedRange<Int64> =
                Bool.random(using: &random) ? 0...9_999_999_999 : 10_000_000_000...9_999_999_999_999_999
            let position = Position(
                epoch: Int64.random(in: epochs, using: &random),
                born: Int64.random(in: 0...9_999_999_999_999, using: &random),
                sequence: Int64.random(in: 0...9_999_999_999_999_999, using: &random))
            #expect(position.text.utf8.count == (position.epoch < 10_000_000_000 ? 41 : 47))
            #expect(position.text.utf8.count <= Position.length)
            #expect(Offset(position.text) == .position(position), "seed \(random.seed)")
        }
    }

    @Test("the order of the texts is the order of the sequence numbers")
    func order() {
        let texts = [0, 1, 9, 10, 11, 99, 100, 12345, 999_999, 1_000_000].map {
            Position(epoch: 3, born: 1_700_000_000_000, sequence: $0).text
        }
        #expect(texts == texts.sorted())
        // The position of an empty feed sorts before every position of the feed that is created next.
        #expect(Position(epoch: 3, born: 0, sequence: 1_700_000_000_000).text < texts[0])
    }

    @Test("an offset of an older version is a position of its epoch, and comes before those of a new one as text")
    func older() {
        let (old, new) = (
            "2557000000_1795471631306_0000000000000002", "3338665984000001_1795471631306_0000000000000002"
        )
        #expect(Offset(old) == .position(Position(epoch: 2_557_000_000, born: 1_795_471_631_306, sequence: 2)))
        let epoch: Int64 = 3_338_665_984_000_001
        #expect(Offset(new) == .position(Position(epoch: epoch, born: 1_795_471_631_306, sequence: 2)))
        #expect(old < new)
    }

    @Test("-1 and now are offsets")
    func words() {
        #expect(Offset("-1") == .beginning)
        #expect(Offset("now") == .now)
    }

    @Test(
        "everything else is refused",
        arguments: [
            "", "0", "1", "-2", "NOW", "now ", " now", "-1-1", "0000000000_0000000000000_000000000000000",
            "0000000000_0000000000000_00000000000000000", "0000000000-0000000000000_0000000000000000",
            "000000000a_0000000000000_0000000000000000", "+000000000_0000000000000_0000000000000000",
            // Each position has one form.
            "0000009999999999_0000000000000_0000000000000000", "10000000000_0000000000000_0000000000000000",
            "0000000000_0000000000000_000000000000000\u{661}", "0000000000_0000000000000_0000000000000000\n",
        ])
    func malformed(_ text: String) {
        #expect(Offset(text) == nil)
    }
}

@Suite("The id of an event of many channels")
struct StreamEventIDTests {
    private static func text(_ places: [Position], check: UInt32 = 7) -> String {
        var bytes: [UInt8] = []
        StreamEventID.write(places, check: check, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func randomPlaces(_ random: inout SplitMix64) -> [Position] {
        let epochs = (0..<2).map { _ in Int64.random(in: 0..<10_000_000_000_000_000, using: &random) }
        return (0..<Int.random(in: 1...50, using: &random)).map { _ in
            Position(
                epoch: epochs[Int.random(in: 0...9, using: &random) == 0 ? 1 : 0],
                born: Int64.random(in: 0..<10_000_000_000_000, using: &random),
                sequence: Int64.random(in: 0..<10_000_000_000_000_000, using: &random))
        }
    }

    @Test("it has the documented form")
    func grammar() {
        let places = [
            Position(epoch: 1_795_471_609, born: 1_795_471_631_306, sequence: 2),
            Position(epoch: 1_795_471_609, born: 0, sequence: 0), Position(epoch: 35, born: 36, sequence: 37),
            // Of a channel without a feed: the number is a time.
            Position(epoch: 1_795_471_609, born: 0, sequence: 1_795_471_631_306),
        ]
        let large = [Position(epoch: 3_338_665_984_000_001, born: 36, sequence: 37)]
        #expect(Self.text(large) == "1.7.wvghz92ltt.10-11")
        #expect(StreamEventID.parse("1.7.wvghz92ltt.10-11", check: 7, count: 1) == large)
        #expect(Self.text(places) == "1.7.toz6rd.mwttg98q-2.0-0.10-11-z.0-mwttg98q")
        #expect(StreamEventID.parse("1.7.toz6rd.mwttg98q-2.0-0.10-11-z.0-mwttg98q", check: 7, count: 4) == places)
    }

    @Test("a written id is parsed again, needs no escaping and has a bounded length")
    func roundTrips() {
        var random = SplitMix64()
        for _ in 0..<2000 {
            let places = Self.randomPlaces(&random)
            let check = UInt32.random(in: 0...UInt32.max, using: &random)
            let text = Self.text(places, check: check)
            #expect(StreamEventID.parse(text, check: check, count: places.count) == places, "seed \(random.seed)")
            #expect(StreamEventID.parse(text, check: check &+ 1, count: places.count) == nil, "seed \(random.seed)")
            #expect(StreamEventID.parse(text, check: check, count: places.count + 1) == nil, "seed \(random.seed)")
            #expect(text.utf8.count <= 21 + 34 * places.count)
            #expect(text.utf8.allSatisfy { $0.isDigit || $0 == 0x2D || $0 == 0x2E || (0x61...0x7A).contains($0) })
        }
        let largest = Position(epoch: 9_999_999_999_999_999, born: 9_999_999_999_999, sequence: 9_999_999_999_999_999)
        let first = Position(epoch: largest.epoch - 1, born: largest.born, sequence: largest.sequence)
        #expect(Self.text([first, largest], check: .max).utf8.count <= 21 + 68)
    }

    @Test("a parsed id is written back identically, and no input crashes the parser")
    func fuzz() {
        var random = SplitMix64()
        let alphabet = Array("0123456789abcdefz.-.-AZ_ %\0é".utf8)
        for _ in 0..<20_000 {
            let places = Self.randomPlaces(&random).prefix(Int.random(in: 1...3, using: &random))
            var bytes = Array(Self.text(Array(places)).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let index = Int.random(in: 0...bytes.count, using: &random)
                let byte = alphabet.randomElement(using: &random)!
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(byte, at: index)
                case 1 where index < bytes.count: bytes[index] = byte
                default: if index < bytes.count { bytes.remove(at: index) }
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let read = StreamEventID.parse(text, check: 7, count: places.count) else { continue }
            #expect(Self.text(read) == text, "seed \(random.seed)")
        }
    }

    @Test(
        "an id that no edge writes is refused",
        arguments: [
            "", "1", "1.7", "1.7.1", "1.7.1.", "2.7.1.1-1", "1.8.1.1-1", "1.7.1.1-1.1-1", "1.7.1.01-1", "1.7.1.1-",
            "1.7.1.-1", "1.7.1.1-1-1", "1.7.1.1-1-2", "1.7.1.1-1-", "1.7.1.1-1-2-3", "1.7.1.A-1", "1.7.1.1-1 ",
            "1.7.2qgpckvng1s.1-1", "1.7.1.3jlxpt2ps-1", "1.7.1.1-2qgpckvng1s",
            "0000000001_0000000001000_0000000000000005",
        ])
    func refused(_ text: String) {
        #expect(StreamEventID.parse(text, check: 7, count: 1) == nil)
    }

    @Test("the check depends on the names and order of the channels")
    func checks() {
        #expect(StreamEventID.check(of: ["a:1", "b:2"]) != StreamEventID.check(of: ["b:2", "a:1"]))
        #expect(StreamEventID.check(of: ["a:1", "b:2"]) != StreamEventID.check(of: ["a:1b:2"]))
        #expect(StreamEventID.check(of: ["a:1", "b:2"]) == StreamEventID.check(of: ["a:1", "b:2"]))
    }
}
