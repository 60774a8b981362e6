import TestSupport
import Testing

@testable import Edge

@Suite("The ledger of what waits for clients")
struct ByteLedgerTests {
    /// Cuts until all fits. Gives who was cut, in order.
    private static func cut(_ ledger: ByteLedger) -> [Int32] {
        var cut: [Int32] = []
        while let key = ledger.answerToCut() {
            cut.append(key)
            ledger.unblock(key)
        }
        return cut
    }

    @Test(
        "input may have half of all; one alone has what it needs",
        arguments: [
            // What others have, what this one has, what it would have: of 100.
            (0, 0, 50, true), (0, 0, 5000, true), (0, 40, 5000, true), (30, 0, 20, true), (30, 0, 21, false),
            (30, 10, 20, true), (30, 20, 21, false), (50, 0, 0, true), (51, 0, 0, false), (60, 5, 5, false),
        ])
    func input(_ others: Int, _ own: Int, _ bytes: Int, _ isAllowed: Bool) {
        let ledger = ByteLedger(limit: 100)
        ledger.addInput(others)
        ledger.addInput(own)
        #expect(ledger.allowsInput(of: bytes, own: own) == isAllowed)
        ledger.addInput(-others - own)
        #expect(ledger.bytes == 0)
    }

    @Test("the longest blocked goes first, as many as need be, and one alone stays")
    func order() {
        let ledger = ByteLedger(limit: 100)
        for key: Int32 in 1...3 { ledger.block(key, own: 30) }
        #expect(Self.cut(ledger) == [] && ledger.bytes == 90)
        ledger.block(4, own: 30)
        #expect(Self.cut(ledger) == [1] && ledger.bytes == 90)
        // The second is sent in time; blocked once more it is the last of them.
        ledger.unblock(2)
        ledger.block(2, own: 10)
        ledger.block(5, own: 70)
        #expect(Self.cut(ledger) == [3, 4] && ledger.bytes == 80)
        ledger.block(6, own: 1000)
        #expect(Self.cut(ledger) == [2, 5] && ledger.bytes == 1000 && ledger.count == 1)
        ledger.unblock(6)
        ledger.unblock(6)
        #expect(ledger.bytes == 0 && ledger.count == 0)
    }

    @Test("input pushes answers out, and what input there may be is no reason to cut the last of them")
    func both() {
        let ledger = ByteLedger(limit: 100)
        ledger.block(1, own: 50)
        ledger.block(2, own: 50)
        ledger.addInput(1)
        #expect(Self.cut(ledger) == [1])
        ledger.addInput(49)
        #expect(Self.cut(ledger) == [] && ledger.bytes == 100)
        ledger.block(2, own: 90)
        #expect(Self.cut(ledger) == [] && ledger.bytes == 140, "blocked anew, and alone")
    }

    @Test("a body that answers share counts once, until the last of them is gone")
    func shared() {
        let ledger = ByteLedger(limit: 100)
        for key: Int32 in 1...50 { ledger.block(key, own: 1, body: 7, bodyBytes: 40) }
        #expect(Self.cut(ledger) == [] && ledger.output == 90)
        ledger.block(51, own: 1, body: 8, bodyBytes: 10)
        // To cut readers of the shared body frees only what is their own.
        #expect(Self.cut(ledger) == [1] && ledger.output == 100)
        for key: Int32 in 2...50 { ledger.unblock(key) }
        #expect(ledger.output == 11)
        ledger.unblock(51)
        #expect(ledger.output == 0)
        // An empty body is shared with nobody.
        ledger.block(1, own: 3, body: 9, bodyBytes: 0)
        ledger.block(2, own: 3, body: 9, bodyBytes: 20)
        ledger.unblock(1)
        #expect(ledger.output == 23)
    }

    @Test("it does what plain lists would do")
    func model() {
        var random = SplitMix64()
        let ledger = ByteLedger(limit: 1000)
        var list: [(key: Int32, own: Int, body: Int)] = []
        func bytes() -> Int { list.reduce(0) { $0 + $1.own } + Set(list.map(\.body)).reduce(0) { $0 + 10 * $1 } }
        for _ in 0..<20_000 {
            let key = Int32.random(in: 0..<60, using: &random)
            list.removeAll { $0.key == key }
            if Bool.random(using: &random) {
                let (own, body) = (Int.random(in: 0...60, using: &random), Int.random(in: 0...9, using: &random))
                ledger.block(key, own: own, body: body, bodyBytes: 10 * body)
                list.append((key, own, body))
                var expected: [Int32] = []
                while bytes() > 1000, list.count > 1 { expected.append(list.removeFirst().key) }
                #expect(Self.cut(ledger) == expected, "seed \(random.seed)")
            } else {
                ledger.unblock(key)
            }
            #expect(ledger.bytes == bytes() && ledger.count == list.count, "seed \(random.seed)")
        }
    }
}
