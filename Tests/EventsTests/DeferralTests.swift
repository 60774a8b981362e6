import Events
import TestSupport
import Testing

@Suite("deferrals")
struct DeferralTests {
    private let runner: LoopRunner

    init() throws {
        runner = try LoopRunner()
    }

    @Test("what several callbacks ask for is done once, after the one that asked, in the same turn")
    func once() throws {
        var log: [String] = []
        let deferral = Deferral(on: runner.loop) { log.append("done") }
        let timer = Timer(on: runner.loop) {
            for _ in 0..<3 { deferral.schedule() }
            log.append("asked")
        }
        timer.schedule(after: 0)
        while log.isEmpty { runner.loop.runOnce(wait: true) }
        #expect(log == ["asked", "done"])
        runner.run(for: 0.02)
        #expect(log == ["asked", "done"])
    }

    @Test("it can be asked for again, also by its own action")
    func again() throws {
        var done = 0
        var deferral: Deferral?
        deferral = Deferral(on: runner.loop) {
            done += 1
            if done < 3 { deferral?.schedule() }
        }
        deferral?.schedule()
        try runner.run { done == 3 }
        deferral?.schedule()
        try runner.run { done == 4 }
        deferral = nil
    }

    @Test("released, it does not happen")
    func released() {
        var done = false
        var deferral: Deferral? = Deferral(on: runner.loop) { done = true }
        deferral?.schedule()
        deferral = nil
        runner.run(for: 0.02)
        #expect(!done)
    }

    @Test("it may be released by its own action")
    func releasedByItself() throws {
        var done = 0
        var deferral: Deferral?
        deferral = Deferral(on: runner.loop) {
            done += 1
            deferral = nil
        }
        deferral?.schedule()
        try runner.run { done == 1 }
        #expect(deferral == nil)
    }
}
