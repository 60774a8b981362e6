import TestSupport
import Testing

@testable import Pipeline

@Suite("the gate to the stages")
struct IsolationGateTests {
    private final class Guest {
        let name: String
        init(_ name: String) { self.name = name }
    }

    private let gate = IsolationGate()
    private let guests = (0..<6).map { Guest("\($0)") }

    @Test("many are inside at once, an isolated one waits for them, and those behind it wait for it")
    func isolated() {
        var entered: [String] = []
        func come(_ index: Int, isolated: Bool = false) {
            gate.enter(guests[index], isolated: isolated) { entered.append(guests[index].name) }
        }
        come(0)
        come(1)
        come(2, isolated: true)
        come(3)
        come(4, isolated: true)
        come(5)
        #expect(entered == ["0", "1"])
        gate.leave(guests[0])
        #expect(entered == ["0", "1"])
        gate.leave(guests[1])
        #expect(entered == ["0", "1", "2"])
        gate.leave(guests[2])
        #expect(entered == ["0", "1", "2", "3"])
        // It gives up waiting.
        gate.leave(guests[4])
        #expect(entered == ["0", "1", "2", "3", "5"])
        gate.leave(guests[3])
        gate.leave(guests[5])
        come(4, isolated: true)
        #expect(entered.last == "4")
        // Who is not there leaves nobody in.
        gate.leave(guests[0])
        come(0)
        #expect(entered.last == "4")
    }

    @Test("thousands who are done at once do not pile up on the stack")
    func depth() {
        let crowd = (0..<20_000).map { Guest("\($0)") }
        var count = 0
        gate.enter(guests[0], isolated: true) {}
        for guest in crowd {
            gate.enter(guest, isolated: count % 3 == 0) {
                count += 1
                gate.leave(guest)
            }
        }
        #expect(count == 0)
        gate.leave(guests[0])
        #expect(count == 20_000)
    }

    @Test("a seeded random crowd: no lane is ever beside an isolated one, and all get in")
    func random() {
        var generator = SplitMix64()
        for _ in 0..<300 {
            var waiting: Set<Int> = []
            var inside: [Int: Bool] = [:]
            for _ in 0..<60 {
                let index = Int.random(in: 0..<guests.count, using: &generator)
                if waiting.contains(index) || inside[index] != nil {
                    waiting.remove(index)
                    inside[index] = nil
                    gate.leave(guests[index])
                } else {
                    let isIsolated = Int.random(in: 0..<3, using: &generator) == 0
                    waiting.insert(index)
                    gate.enter(guests[index], isolated: isIsolated) {
                        waiting.remove(index)
                        inside[index] = isIsolated
                    }
                }
                #expect(!inside.values.contains(true) || inside.count == 1, "seed \(generator.seed)")
                #expect(waiting.isEmpty || !inside.isEmpty, "seed \(generator.seed): somebody waits for nobody")
            }
            while let index = inside.keys.first {
                inside[index] = nil
                gate.leave(guests[index])
            }
            #expect(waiting.isEmpty, "seed \(generator.seed)")
        }
    }
}
