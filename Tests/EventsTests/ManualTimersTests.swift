import Testing

@testable import Events

/// A driver that counts.
private final class CountingDriver: LoopDriver {
    let timers = ManualTimers()
    private var drawn: UInt64 = 0

    func random() -> UInt64 {
        drawn += 1
        return drawn
    }
}

struct ManualTimersTests {
    private let driver = CountingDriver()
    private let loop: EventLoop

    init() throws {
        loop = try EventLoop(drivenBy: driver)
    }

    @Test func `Timers of a driven loop fire when their driver says so, in the order of their times`() {
        var fired: [String] = []
        let late = Timer(on: loop) { fired.append("late") }
        let early = Timer(on: loop) { fired.append("early") }
        let never = Timer(on: loop) { fired.append("never") }
        late.schedule(after: 60_000)
        never.schedule(after: 1)
        early.schedule(after: 30_000)
        never.cancel()
        loop.runOnce(wait: false)
        #expect(fired.isEmpty && late.isScheduled && !never.isScheduled)
        driver.timers.fireNext()
        #expect(fired == ["early"] && !early.isScheduled)
        driver.timers.fireNext()
        driver.timers.fireNext()
        #expect(fired == ["early", "late"] && driver.timers.nextDue == nil)
    }

    @Test func `A repeating timer of a driven loop is scheduled again, and one that is released is not`() {
        var count = 0
        var timer: Timer? = Timer(on: loop) { count += 1 }
        timer?.schedule(every: 10)
        for _ in 0..<3 { driver.timers.fireNext() }
        #expect(count == 3)
        timer = nil
        driver.timers.fireNext()
        #expect(count == 3 && driver.timers.nextDue == nil)
    }

    @Test func `What is deferred several times on a driven loop runs once, at the end of the turn`() {
        var count = 0
        let deferral = Deferral(on: loop) { count += 1 }
        deferral.schedule()
        deferral.schedule()
        #expect(count == 0)
        driver.timers.runDeferred()
        driver.timers.runDeferred()
        #expect(count == 1)
        withExtendedLifetime(deferral) {}
    }

    @Test func `The objects of a driven loop draw the numbers of its driver`() {
        var generator = LoopGenerator(of: loop)
        #expect((0..<3).map { _ in generator.next() } == [1, 2, 3])
    }
}
