import Testing

@testable import Bench

@Suite("Events of a measurement")
struct LoadEventTests {
    private static func read(_ body: [UInt8], size: Int) -> [Int]? {
        var numbers: [Int] = []
        let isWhole = body.withUnsafeBytes { LoadEvent(size: size).read($0) { number, _ in numbers.append(number) } }
        return isWhole ? numbers : nil
    }

    @Test("an event has its size, its number and its time")
    func one() {
        let event = LoadEvent(size: 100)
        let bytes = event.bytes(number: 42, time: 1_234_567_890_123)
        #expect(bytes.count == 100)
        var seen: (Int, Int64)?
        #expect(bytes.withUnsafeBytes { event.read($0) { seen = ($0, $1) } })
        #expect(seen?.0 == 42 && seen?.1 == 1_234_567_890_123)
    }

    @Test("an array is read event by event, in its order")
    func array() {
        let event = LoadEvent(size: 64)
        let parts = (1...3).map { event.bytes(number: $0, time: 7) }
        let body = [0x5B] + Array(parts.joined(separator: [0x2C])) + [0x5D]
        #expect(Self.read(body, size: 64) == [1, 2, 3])
        #expect(Self.read([0x5B, 0x5D], size: 64) == [])
    }

    @Test("what is no body of such events is not taken for one")
    func nonsense() {
        let event = LoadEvent(size: 64).bytes(number: 1, time: 7)
        for body in [[], [0x5B], Array("{}".utf8), Array("[1]".utf8), Array(event.dropLast()), event + [0x20]] {
            #expect(Self.read(body, size: 64) == nil)
        }
        var broken = event
        broken[8] = 0x41
        #expect(Self.read(broken, size: 64) == nil)
    }
}
