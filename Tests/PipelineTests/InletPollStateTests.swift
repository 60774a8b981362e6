import Redis
import TestSupport
import Testing

@testable import Pipeline

@Suite("when to draw from an inlet")
struct InletPollStateTests {
    private var generator = SplitMix64(seed: 1)

    /// Feeds inputs to a machine that has begun and gives what it answered; a wait's length is left out.
    private func answers(_ inputs: [InletPollState.Input]) -> [String] {
        var machine = InletPollState()
        var generator = self.generator
        return ([machine.begin()] + inputs.map { machine.handle($0, using: &generator) }).map {
            switch $0 {
            case .none: "-"
            case .draw: "draw"
            case .watch: "watch"
            case .wait: "wait"
            }
        }
    }

    private static let lost = RedisError(.disconnected, "gone")
    private static let wrong = RedisError(.reply, "WRONGTYPE")

    @Test("as long as something comes it draws at once")
    func busy() {
        #expect(answers([.drawn(3), .drawn(512), .drawn(1)]) == ["draw", "draw", "draw", "draw"])
    }

    @Test("empty: it watches, draws once more, sleeps, and draws when the source has changed")
    func asleep() {
        #expect(answers([.drawn(0), .watched, .drawn(0), .wake]) == ["draw", "watch", "draw", "-", "draw"])
    }

    @Test("what was put between the first look and the watch is found by the second look")
    func between() {
        #expect(
            answers([.drawn(0), .watched, .drawn(2), .drawn(0), .watched, .drawn(0)])
                == ["draw", "watch", "draw", "draw", "watch", "draw", "-"])
    }

    @Test("a change that is told while a draw is under way is not slept over")
    func outdated() {
        #expect(
            answers([.drawn(0), .watched, .wake, .drawn(0), .watched, .drawn(0)])
                == ["draw", "watch", "draw", "-", "watch", "draw", "-"])
        // The watch may have come into force only after the read was sent.
        #expect(answers([.drawn(0), .wake, .watched, .drawn(0)]) == ["draw", "watch", "-", "draw", "watch"])
    }

    @Test("a full queue is tried again after a while, an error too")
    func trouble() {
        #expect(answers([.full, .wake, .timer, .full]) == ["draw", "wait", "-", "draw", "wait"])
        #expect(answers([.refused(Self.wrong), .timer, .drawn(1)]) == ["draw", "wait", "draw", "draw"])
        #expect(answers([.drawn(0), .refused(Self.wrong), .timer]) == ["draw", "watch", "wait", "draw"])
    }

    @Test("the wait for room is at most 100 ms, however long the queue stays full")
    func wait() {
        var machine = InletPollState()
        var generator = self.generator
        _ = machine.begin()
        for _ in 0..<50 {
            guard case .wait(let time) = machine.handle(.full, using: &generator) else {
                Issue.record("no wait")
                return
            }
            #expect((0...100).contains(time))
            _ = machine.handle(.timer, using: &generator)
        }
    }

    @Test("a lost connection is waited for, wherever it was lost")
    func disconnected() {
        #expect(answers([.refused(Self.lost), .timer, .wake, .reconnected]) == ["draw", "-", "-", "-", "draw"])
        #expect(
            answers([.drawn(0), .watched, .drawn(0), .reconnected, .drawn(0)])
                == ["draw", "watch", "draw", "-", "draw", "watch"])
    }

    @Test("fenced or stopped, nothing more happens", arguments: [InletPollState.Input.fenced, .stop])
    func closed(end: InletPollState.Input) {
        #expect(answers([end, .drawn(1), .wake, .timer, .reconnected]) == ["draw", "-", "-", "-", "-", "-"])
    }
}
