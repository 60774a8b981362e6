import Events
import TestSupport
import Testing

@Suite("timers")
struct TimerTests {
    private let runner: LoopRunner

    init() throws {
        runner = try LoopRunner()
    }

    @Test("a timer fires once, not before its time")
    func once() throws {
        var fired = 0
        let timer = Timer(on: runner.loop) { fired += 1 }
        let start = Clock.monotonicNanoseconds()
        timer.schedule(after: 20)
        #expect(timer.isScheduled)
        try runner.run { fired > 0 }
        // libevent reads a coarse clock with ticks of up to 4 ms.
        #expect(Clock.monotonicNanoseconds() - start >= 15_000_000)
        #expect(!timer.isScheduled)
        runner.run(for: 0.03)
        #expect(fired == 1)
    }

    @Test("a timer without delay, or with one below zero, fires in the next turn", arguments: [0, -5] as [Int64])
    func atOnce(_ delay: Int64) throws {
        var fired = false
        let timer = Timer(on: runner.loop) { fired = true }
        timer.schedule(after: delay)
        try runner.run { fired }
    }

    @Test("a repeating timer fires until it is cancelled")
    func repeating() throws {
        var fired = 0
        let timer = Timer(on: runner.loop) { fired += 1 }
        timer.schedule(every: 5)
        try runner.run { fired >= 5 }
        #expect(timer.isScheduled)
        timer.cancel()
        #expect(!timer.isScheduled)
        let before = fired
        runner.run(for: 0.03)
        #expect(fired == before)
    }

    @Test("a repeating timer may cancel itself")
    func cancelsItself() throws {
        var fired = 0
        var timer: Timer?
        timer = Timer(on: runner.loop) {
            fired += 1
            if fired == 3 { timer?.cancel() }
        }
        timer?.schedule(every: 1)
        try runner.run { fired >= 3 }
        runner.run(for: 0.02)
        #expect(fired == 3)
        timer = nil
    }

    @Test("a timer may be scheduled anew from its own action, once or repeating")
    func again() throws {
        var fired = 0
        var timer: Timer?
        timer = Timer(on: runner.loop) {
            fired += 1
            if fired < 5 { timer?.schedule(after: 1) }
            if fired == 5 { timer?.schedule(every: 1) }
            if fired == 10 { timer?.schedule(after: 1) }
        }
        timer?.schedule(after: 1)
        try runner.run { fired >= 11 }
        runner.run(for: 0.03)
        #expect(fired == 11)
        timer = nil
    }

    @Test("a new delay replaces the old one, in both directions")
    func replaced() throws {
        var fired = 0
        let timer = Timer(on: runner.loop) { fired += 1 }
        timer.schedule(after: 60_000)
        timer.schedule(after: 1)
        try runner.run { fired == 1 }
        timer.schedule(after: 1)
        timer.schedule(after: 60_000)
        runner.run(for: 0.03)
        #expect(fired == 1)
        timer.schedule(every: 60_000)
        timer.schedule(after: 1)
        try runner.run { fired == 2 }
        #expect(!timer.isScheduled)
    }

    @Test("a timer that is released is cancelled")
    func released() {
        var fired = false
        var timer: Timer? = Timer(on: runner.loop) { fired = true }
        timer?.schedule(after: 5)
        timer = nil
        runner.run(for: 0.03)
        #expect(!fired)
    }

    @Test("a timer may be released by its own action", arguments: [true, false])
    func releasedByItself(repeating: Bool) throws {
        var fired = 0
        weak var trace: Timer?
        var timer: Timer?
        timer = Timer(on: runner.loop) {
            fired += 1
            timer = nil
        }
        trace = timer
        if repeating { timer?.schedule(every: 1) } else { timer?.schedule(after: 1) }
        try runner.run { fired == 1 }
        runner.run(for: 0.02)
        #expect(fired == 1)
        #expect(trace == nil)
    }

    @Test("timers fire in the order of their times")
    func order() throws {
        var order: [Int64] = []
        let delays: [Int64] = [30, 10, 20, 1]
        let timers = delays.map { delay in
            let timer = Timer(on: runner.loop) { order.append(delay) }
            timer.schedule(after: delay)
            return timer
        }
        try runner.run { order.count == timers.count }
        #expect(order == [1, 10, 20, 30])
    }
}
