import Pipeline
import Redis
import Store
import TestSupport
import Testing

@Suite("the window of batches under way")
struct EnqueueWindowTests {
    private static let full = PipelineError(.full, "full")
    private static let skipped = PipelineError(.skipped, "skipped")
    private static let lost = PipelineError(.redis, "lost", underlying: RedisError(.disconnected, "lost"))

    private static func batch(_ count: Int, bytes: Int = 10) -> EventBatch {
        EventBatch([0: Array(repeating: [UInt8](repeating: 65, count: bytes), count: count)])
    }

    private static func answer(_ window: inout EnqueueWindow, _ result: Result<Void, PipelineError>) -> String {
        switch window.answered(result) {
        case .taken(let events, let line): "\(events) taken, to line \(line)"
        case .waiting: "waiting"
        case .stuck(let error): "stuck: \(error.message)"
        }
    }

    /// A window with that many batches of one event, each a line, all of them sent.
    private func window(_ batches: Int) -> EnqueueWindow {
        var window = EnqueueWindow(name: "w", calls: 8, bytes: 1000)
        for line in 1...batches {
            window.add(Self.batch(1), through: line)
            #expect(window.next()?.turn == EnqueueTurn(run: "w.1", number: line - 1))
        }
        #expect(window.next() == nil)
        return window
    }

    @Test("there is room for so many calls, and for so many bytes; one batch always has room")
    func room() {
        var few = EnqueueWindow(name: "w", calls: 2, bytes: 1000)
        few.add(Self.batch(1), through: 1)
        #expect(few.hasRoom)
        few.add(Self.batch(1), through: 2)
        #expect(!few.hasRoom)
        var small = EnqueueWindow(name: "w", calls: 8, bytes: 1000)
        #expect(small.hasRoom && small.isEmpty)
        small.add(Self.batch(1, bytes: 5000), through: 1)
        #expect(!small.hasRoom)
        _ = small.next()
        #expect(small.isUnderWay)
        #expect(Self.answer(&small, .success(())) == "1 taken, to line 1")
        #expect(small.hasRoom && small.isEmpty && !small.isUnderWay)
    }

    @Test("after a refusal nothing is sent, and all of it again from the refused batch on, in a new run")
    func refused() {
        var window = window(3)
        #expect(Self.answer(&window, .success(())) == "1 taken, to line 1")
        #expect(Self.answer(&window, .failure(Self.full)) == "waiting")
        window.add(Self.batch(1), through: 4)
        #expect(window.next() == nil)
        #expect(Self.answer(&window, .failure(Self.skipped)) == "stuck: full")
        #expect(!window.isUnderWay && !window.isEmpty)
        #expect(window.next() == nil)
        window.restart()
        for number in 0..<3 { #expect(window.next()?.turn == EnqueueTurn(run: "w.2", number: number)) }
        #expect(Self.answer(&window, .success(())) == "1 taken, to line 2")
        window.add(Self.batch(1), through: 5)
        #expect(window.next()?.turn == EnqueueTurn(run: "w.2", number: 3))
        #expect(window.uncertain == 0)
    }

    @Test("only what was under way when the connection broke may be in: nothing behind a refusal")
    func uncertain() {
        var broken = window(3)
        _ = broken.answered(.success(()))
        _ = broken.answered(.failure(Self.lost))
        #expect(Self.answer(&broken, .failure(Self.lost)) == "stuck: lost")
        #expect(broken.uncertain == 2)
        var refused = window(3)
        _ = refused.answered(.failure(Self.full))
        _ = refused.answered(.failure(Self.lost))
        _ = refused.answered(.failure(Self.lost))
        #expect(refused.uncertain == 0)
    }

    /// What Redis does: it takes the next call of the run that it knows, unless it refuses.
    private struct Server {
        var run = ""
        var number = 0
        var lines: [Int] = []

        mutating func answer(_ line: Int, _ turn: EnqueueTurn, refuses: Bool) -> Result<Void, PipelineError> {
            guard turn.number == (turn.run == run ? number : 0) else { return .failure(EnqueueWindowTests.skipped) }
            if refuses { return .failure(EnqueueWindowTests.full) }
            (run, number) = (turn.run, turn.number + 1)
            lines.append(line)
            return .success(())
        }
    }

    @Test("whatever is refused whenever, everything is taken once and in order", arguments: 0..<200)
    func random(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var window = EnqueueWindow(name: "w", calls: Int.random(in: 1...5, using: &generator), bytes: 60)
        var server = Server()
        var wire: [(line: Int, turn: EnqueueTurn)] = []
        var (added, told) = (0, 0)
        for _ in 0..<2000 where told < 50 {
            if added < 50, window.hasRoom, Bool.random(using: &generator) {
                added += 1
                window.add(Self.batch(1), through: added)
            }
            while let call = window.next() { wire.append((told + 1 + wire.count, call.turn)) }
            guard !wire.isEmpty, Bool.random(using: &generator) else { continue }
            let call = wire.removeFirst()
            let refuses = Int.random(in: 0..<4, using: &generator) == 0
            switch window.answered(server.answer(call.line, call.turn, refuses: refuses)) {
            case .taken(_, let line):
                #expect(line == told + 1)
                told = line
            case .waiting: break
            case .stuck:
                #expect(wire.isEmpty)
                window.restart()
            }
        }
        #expect(server.lines == Array(1...50))
    }
}
