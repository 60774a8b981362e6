import Events
import TestSupport
import Testing

@Suite("the event loop")
struct EventLoopTests {
    @Test("run returns when nothing is left to wait for")
    func empty() throws {
        let loop = try EventLoop()
        loop.run()
        var fired = false
        let timer = Timer(on: loop) { fired = true }
        timer.schedule(after: 1)
        loop.run()
        #expect(fired)
    }

    @Test("run returns after the callback that stopped it, and can run again")
    func stop() throws {
        let loop = try EventLoop()
        var fired = 0
        let timer = Timer(on: loop) {
            fired += 1
            loop.stop()
        }
        timer.schedule(every: 1)
        loop.run()
        #expect(fired == 1)
        loop.run()
        #expect(fired == 2)
    }

    @Test("a turn without waiting returns at once when nothing is ready")
    func noWait() throws {
        let loop = try EventLoop()
        var fired = false
        let timer = Timer(on: loop) { fired = true }
        timer.schedule(after: 60_000)
        loop.runOnce(wait: false)
        #expect(!fired)
        timer.cancel()
    }

    @Test("what stands on a loop keeps it alive")
    func lifetime() throws {
        var fired = false
        var loop: EventLoop? = try EventLoop()
        weak let trace = loop
        var timer: Timer? = Timer(on: try #require(loop)) { fired = true }
        loop = nil
        #expect(trace != nil)
        timer?.schedule(after: 1)
        try eventually {
            trace?.runOnce(wait: true)
            return fired
        }
        timer = nil
        #expect(trace == nil)
    }

    @Test("the clocks go forward and agree with each other on their units")
    func clocks() {
        let before = (Clock.monotonicMilliseconds(), Clock.monotonicNanoseconds())
        let after = (Clock.monotonicMilliseconds(), Clock.monotonicNanoseconds())
        #expect(before.0 <= after.0 && before.1 < after.1)
        #expect((before.0...after.0).contains(before.1 / 1_000_000))
        // Between 2020 and 2100.
        #expect((1_577_836_800_000...4_102_444_800_000).contains(Clock.unixMilliseconds()))
    }
}
