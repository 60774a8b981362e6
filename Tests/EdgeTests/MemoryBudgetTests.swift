import TestSupport
import Testing

@testable import Edge

@Suite("The budget of buffered input and blocked answers")
struct MemoryBudgetTests {
    /// Cuts answers until everything fits. Returns the keys in order.
    private static func cut(_ budget: MemoryBudget) -> [Int32] {
        var cut: [Int32] = []
        while let key = budget.answerToCut() {
            cut.append(key)
            budget.unblock(key)
        }
        return cut
    }

    @Test(
        "input may use half of the limit; a single one is accepted whatever its size",
        arguments: [
            // What others have, what this one has, what it would have; the limit is 100.
            (0, 0, 50, true), (0, 0, 5000, true), (0, 40, 5000, true), (30, 0, 20, true), (30, 0, 21, false),
            (30, 10, 20, true), (30, 20, 21, false), (50, 0, 0, true), (51, 0, 0, false), (60, 5, 5, false),
        ])
    func input(_ others: Int, _ own: Int, _ bytes: Int, _ isAllowed: Bool) {
        let budget = MemoryBudget(limit: 100)
        budget.addInput(others)
        budget.addInput(own)
        #expect(budget.allowsInput(of: bytes, own: own) == isAllowed)
        budget.addInput(-others - own)
        #expect(budget.bytes == 0)
    }

    @Test("the longest blocked are cut first, as many as necessary, and a single one stays")
    func order() {
        let budget = MemoryBudget(limit: 100)
        for key: Int32 in 1...3 { budget.block(key, own: 30) }
        #expect(Self.cut(budget) == [] && budget.bytes == 90)
        budget.block(4, own: 30)
        #expect(Self.cut(budget) == [1] && budget.bytes == 90)
        // The second is sent in time. When it is blocked again it is the last one.
        budget.unblock(2)
        budget.block(2, own: 10)
        budget.block(5, own: 70)
        #expect(Self.cut(budget) == [3, 4] && budget.bytes == 80)
        budget.block(6, own: 1000)
        #expect(Self.cut(budget) == [2, 5] && budget.bytes == 1000 && budget.count == 1)
        budget.unblock(6)
        budget.unblock(6)
        #expect(budget.bytes == 0 && budget.count == 0)
    }

    @Test("input pushes answers out, but never the last one")
    func both() {
        let budget = MemoryBudget(limit: 100)
        budget.block(1, own: 50)
        budget.block(2, own: 50)
        budget.addInput(1)
        #expect(Self.cut(budget) == [1])
        budget.addInput(49)
        #expect(Self.cut(budget) == [] && budget.bytes == 100)
        budget.block(2, own: 90)
        #expect(Self.cut(budget) == [] && budget.bytes == 140, "blocked anew, and alone")
    }

    @Test("a shared body counts once, until the last of its answers is gone")
    func shared() {
        let budget = MemoryBudget(limit: 100)
        for key: Int32 in 1...50 { budget.block(key, own: 1, body: 7, bodyBytes: 40) }
        #expect(Self.cut(budget) == [] && budget.output == 90)
        budget.block(51, own: 1, body: 8, bodyBytes: 10)
        // Cutting a reader of the shared body frees only its own bytes.
        #expect(Self.cut(budget) == [1] && budget.output == 100)
        for key: Int32 in 2...50 { budget.unblock(key) }
        #expect(budget.output == 11)
        budget.unblock(51)
        #expect(budget.output == 0)
        // An empty body is not shared.
        budget.block(1, own: 3, body: 9, bodyBytes: 0)
        budget.block(2, own: 3, body: 9, bodyBytes: 20)
        budget.unblock(1)
        #expect(budget.output == 23)
    }

    @Test("it behaves like a model with plain lists")
    func model() {
        var random = SplitMix64()
        let budget = MemoryBudget(limit: 1000)
        var list: [(key: Int32, own: Int, body: Int)] = []
        func bytes() -> Int { list.reduce(0) { $0 + $1.own } + Set(list.map(\.body)).reduce(0) { $0 + 10 * $1 } }
        for _ in 0..<20_000 {
            let key = Int32.random(in: 0..<60, using: &random)
            list.removeAll { $0.key == key }
            if Bool.random(using: &random) {
                let (own, body) = (Int.random(in: 0...60, using: &random), Int.random(in: 0...9, using: &random))
                budget.block(key, own: own, body: body, bodyBytes: 10 * body)
                list.append((key, own, body))
                var expected: [Int32] = []
                while bytes() > 1000, list.count > 1 { expected.append(list.removeFirst().key) }
                #expect(Self.cut(budget) == expected, "seed \(random.seed)")
            } else {
                budget.unblock(key)
            }
            #expect(budget.bytes == bytes() && budget.count == list.count, "seed \(random.seed)")
        }
    }
}
