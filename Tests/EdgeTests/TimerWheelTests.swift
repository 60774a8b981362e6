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

    @Test("a deadline fires when it has passed, not before")
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

    @Test("a cancelled deadline does not fire")
    func cancelled() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 0)
        for key in 0..<5 { wheel.schedule(Int32(key), at: 300) }
        wheel.cancel(2)
        wheel.cancel(2)
        wheel.cancel(99)
        #expect(Self.expired(&wheel, at: 300) == [0, 1, 3, 4])
    }

    @Test("a deadline beyond one revolution waits for its own")
    func beyond() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 0)
        wheel.schedule(1, at: 5000)
        for now in stride(from: Int64(0), to: 5000, by: 70) { #expect(Self.expired(&wheel, at: now) == []) }
        #expect(Self.expired(&wheel, at: 5000) == [1])
    }

    @Test("a deadline in the past fires at the next scan")
    func past() {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 10_000)
        #expect(Self.expired(&wheel, at: 10_950) == [])
        wheel.schedule(1, at: 3)
        #expect(Self.expired(&wheel, at: 10_951) == [1])
    }

    /// Ten thousand expired timers, each between two timers of the same slot that have not expired.
    private static func crowded() -> TimerWheel {
        var wheel = TimerWheel(tick: 100, slots: 16, now: 1000)
        for key in 0..<30_000 {
            wheel.schedule(Int32(key), at: key % 3 == 1 ? 1510 : key % 3 == 0 ? 1590 : 1510 + 1600)
        }
        return wheel
    }

    @Test("each key of a crowded slot is scanned once, however many calls it takes")
    func crowd() {
        var wheel = Self.crowded()
        #expect(wheel.popExpired(now: 1509) == nil && wheel.looks == 30_000)
        #expect(Self.expired(&wheel, at: 1510) == (0..<10_000).map { $0 * 3 + 1 })
        #expect(wheel.looks == 60_000)
        // The rest of the slot is scanned once more when its time is over, and then not for a whole revolution.
        #expect(Self.expired(&wheel, at: 1600) == (0..<10_000).map { $0 * 3 })
        #expect(wheel.looks == 80_000)
        #expect(wheel.popExpired(now: 2900) == nil && wheel.looks == 80_000)
        #expect(Self.expired(&wheel, at: 3110) == (0..<10_000).map { $0 * 3 + 2 })
        #expect(wheel.looks == 90_000 && wheel.count == 0)
    }

    @Test("a scan that is still running when the slot's time ends misses no key", arguments: [1, 256, 9_999])
    func overtaken(_ first: Int) {
        var wheel = Self.crowded()
        var keys = (0..<first).compactMap { _ in wheel.popExpired(now: 1510) }
        keys += Self.expired(&wheel, at: 1650)
        #expect(keys.sorted() == (0..<30_000).filter { $0 % 3 < 2 })
        #expect(wheel.looks <= 60_000)
    }

    @Test("changes during the scan of a crowded slot are seen by that scan")
    func changed() {
        var wheel = Self.crowded()
        var popped = 0
        var again = 0
        while let key = wheel.popExpired(now: 1510) {
            if key >= 30_000 {
                again += 1
                continue
            }
            popped += 1
            // One before it and one after it are cancelled; the slot gets one that has expired and one that has not.
            wheel.cancel(key - 1)
            wheel.cancel(key + 1)
            if popped <= 1000 {
                wheel.schedule(Int32(30_000 + popped), at: 3)
                wheel.schedule(Int32(40_000 + popped), at: 1599)
            }
        }
        #expect(popped == 10_000 && again == 1000)
        #expect(wheel.count == 1000)
        #expect(wheel.looks <= 32_000)
        #expect(Self.expired(&wheel, at: 1700).count == 1000)
    }

    @Test("it behaves like a plain table of deadlines")
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
                // Never early, and at most one tick late.
                for key in due { #expect(model[key]! <= now, "seed \(random.seed)") }
                for key in due { model[key] = nil }
                for (key, deadline) in model { #expect(deadline > now - 50, "\(key), seed \(random.seed)") }
            }
            #expect(wheel.count == model.count, "seed \(random.seed)")
        }
    }
}
