import Events
import Glibc
import TestSupport
import Testing

/// Serialized, since libevent handles the signals of only one loop in a process at a time.
@Suite("signals", .serialized)
struct SignalEventTests {
    @Test("a signal becomes a callback on the loop, each time")
    func delivered() throws {
        let runner = try LoopRunner()
        var count = 0
        let event = SignalEvent(on: runner.loop, signal: SIGUSR2) { count += 1 }
        for expected in 1...3 {
            kill(getpid(), SIGUSR2)
            try runner.run { count == expected }
        }
        withExtendedLifetime(event) {}
    }

    @Test("two signals are told apart")
    func apart() throws {
        let runner = try LoopRunner()
        var log: [String] = []
        let events = [(SIGUSR2, "USR2"), (SIGWINCH, "WINCH")].map { signal, name in
            SignalEvent(on: runner.loop, signal: signal) { log.append(name) }
        }
        kill(getpid(), SIGWINCH)
        try runner.run { log == ["WINCH"] }
        kill(getpid(), SIGUSR2)
        try runner.run { log == ["WINCH", "USR2"] }
        #expect(events.count == 2)
    }

    @Test("released, it restores what the signal did before")
    func restored() throws {
        let runner = try LoopRunner()
        signal(SIGUSR2, SIG_IGN)
        defer { signal(SIGUSR2, SIG_DFL) }
        var count = 0
        var event: SignalEvent? = SignalEvent(on: runner.loop, signal: SIGUSR2) { count += 1 }
        kill(getpid(), SIGUSR2)
        try runner.run { count == 1 }
        #expect(event != nil)
        event = nil
        // Ignored again: otherwise the signal would end the process.
        kill(getpid(), SIGUSR2)
        runner.run(for: 0.02)
        #expect(count == 1)
    }
}
