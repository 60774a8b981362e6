import TestSupport
import Testing

@testable import Edge

@Suite("The timer wheel")
struct TimerWheelTests {
    private static func expired(_ wheel: inout TimerWheel, at now: Int64) -> [Int32] {
        var keys: [Int32] = []
        while let key = wheel.popExpired(now: now) { keys.append(key) }
        return keys.sorted()
    }

    @Test("a deadline fires when it has come, not before")
    func fires() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 1000)
        wheel.schedule(7, at: 1550)
        #expect(Self.expired(&wheel, at: 1549) == [])
        #expect(Self.expired(&wheel, at: 1550) == [7])
        #expect(Self.expired(&wheel, at: 9000) == [])
        #expect(wheel.count == 0)
    }

    @Test("a new deadline replaces the old one")
    func replaces() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 0)
        wheel.schedule(1, at: 200)
        wheel.schedule(1, at: 900)
        #expect(wheel.count == 1)
        #expect(Self.expired(&wheel, at: 800) == [])
        wheel.schedule(1, at: 850)
        #expect(Self.expired(&wheel, at: 850) == [1])
    }

    @Test("a deadline taken back does not fire")
    func cancelled() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 0)
        for key in 0..<5 { wheel.schedule(Int32(key), at: 300) }
        wheel.cancel(2)
        wheel.cancel(2)
        wheel.cancel(99)
        #expect(Self.expired(&wheel, at: 300) == [0, 1, 3, 4])
    }

    @Test("a deadline beyond the wheel's turn waits for its turn")
    func beyond() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 0)
        wheel.schedule(1, at: 5000)
        for now in stride(from: Int64(0), to: 5000, by: 70) { #expect(Self.expired(&wheel, at: now) == []) }
        #expect(Self.expired(&wheel, at: 5000) == [1])
    }

    @Test("a deadline in the past fires at the next look")
    func past() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 10_000)
        #expect(Self.expired(&wheel, at: 10_950) == [])
        wheel.schedule(1, at: 3)
        #expect(Self.expired(&wheel, at: 10_951) == [1])
    }

    @Test("it does what a plain table of deadlines would do")
    func model() {
        var random = SplitMix64()
        var wheel = TimerWheel(tick: 50, slots: 32, now: 0)
        var model: [Int32: Int64] = [:]
        var now: Int64 = 0
        for _ in 0..<20_000 {
            let key = Int32.random(in: 0..<200, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let deadline = now + Int64.random(in: -100...4000, using: &random)
                wheel.schedule(key, at: deadline)
                model[key] = deadline
            case 5..<7:
                wheel.cancel(key)
                model[key] = nil
            default:
                now += Int64.random(in: 0...(Int.random(in: 0..<50, using: &random) == 0 ? 9000 : 120), using: &random)
                let due = Set(Self.expired(&wheel, at: now))
                // Never early; at most a tick late.
                for key in due { #expect(model[key]! <= now, "seed \(random.seed)") }
                for key in due { model[key] = nil }
                for (key, deadline) in model { #expect(deadline > now - 50, "\(key), seed \(random.seed)") }
            }
            #expect(wheel.count == model.count, "seed \(random.seed)")
        }
    }
}
