import Redis
import TestSupport
import Testing

@testable import Pipeline

/// Whatever comes in whatever order, a lane never waits for something that will not come.
@Suite("the liveness of a lane")
struct LaneLivenessTests {
    /// What a lane has asked for and not been answered yet.
    private enum Outstanding {
        case reply, timer
    }

    /// Whether the last peek was watched, as whoever does what the lane says has sent it: one that follows a commit left
    /// with the commit.
    private struct Watch {
        private(set) var isOn = false
        private var follows: Bool?

        /// Any answer but `committed` makes the peek that left with the commit worthless.
        mutating func note(_ action: Lane.Action, after input: Lane.Input?, _ lane: Lane) {
            let left = follows
            if let input, LaneLivenessTests.isAnswer(input) { follows = nil }
            switch (action, input) {
            case (.commit, _), (.deadLetter, _): follows = lane.following.watched
            case (.peek(_, let watched), .committed): isOn = left ?? watched
            case (.peek(_, let watched), _): isOn = watched
            default: break
            }
        }
    }

    private static let inputs: [Lane.Input] = [
        .peeked(events: 5, bytes: 2000), .peeked(events: 17, bytes: 6800), .peeked(events: 0, bytes: 0), .unsure,
        .peeked(events: 512, bytes: 9_000_000), .wake,
        .transformed(decided: 1), .failed(ofFirstEvent: true), .failed(ofFirstEvent: false), .committed, .moved, .full,
        .fenced, .refused(RedisError(.disconnected, "")), .refused(RedisError(.timeout, "")),
        .refused(RedisError(.outOfMemory, "OOM")), .timer, .reconnected, .pause, .resume, .stop,
    ]

    private static func isAnswer(_ input: Lane.Input) -> Bool {
        switch input {
        case .peeked, .unsure, .transformed, .failed, .committed, .moved, .full, .refused: true
        default: false
        }
    }

    private static func outstanding(after action: Lane.Action, before: Outstanding?, input: Lane.Input) -> Outstanding?
    {
        switch action {
        case .peek, .transform, .attempt, .commit, .deadLetter: return .reply
        case .wait: return .timer
        case .release, .abandon: return nil
        case .none:
            if case .timer = input, before == .timer { return nil }
            return before == .reply && isAnswer(input) ? nil : before
        }
    }

    /// Whether something will surely wake the lane.
    private static func lives(_ lane: Lane, _ outstanding: Outstanding?, _ watch: Watch) -> Bool {
        switch lane.state {
        case .closed, .paused, .disconnected: true
        case .asleep: watch.isOn
        case .peeking, .transforming, .committing: outstanding == .reply
        case .waiting: outstanding == .timer
        }
    }

    /// Whether that can come to the lane now: an answer only to what was asked, the timer only when it was set.
    private static func isPossible(_ input: Lane.Input, in lane: Lane, _ outstanding: Outstanding?) -> Bool {
        switch (input, lane.state) {
        case (.peeked, .peeking), (.unsure, .peeking), (.refused, .peeking): outstanding == .reply
        case (.transformed, .transforming), (.failed, .transforming): outstanding == .reply
        case (.refused, .transforming): outstanding == .reply && lane.isSuspect
        case (.committed, .committing), (.moved, .committing), (.full, .committing), (.refused, .committing):
            outstanding == .reply
        case (.peeked, _), (.unsure, _), (.transformed, _), (.failed, _), (.committed, _), (.moved, _), (.full, _),
            (.refused, _):
            false
        case (.timer, _): outstanding == .timer
        default: true
        }
    }

    @Test("after any sequence of inputs that can come something wakes the lane again")
    func possible() {
        var generator = SplitMix64()
        for _ in 0..<4000 {
            var lane = Lane(limits: PipelineLimits(), suspect: Bool.random(using: &generator))
            let first = lane.begin()
            var outstanding = Self.outstanding(after: first, before: nil, input: .wake)
            var watch = Watch()
            watch.note(first, after: nil, lane)
            var history: [Lane.Input] = []
            for _ in 0..<40 {
                let candidates = Self.inputs.filter { Self.isPossible($0, in: lane, outstanding) }
                guard let input = candidates.randomElement(using: &generator) else { break }
                // Losing the lane ends every run early; it comes more rarely than the rest.
                if case .fenced = input, Int.random(in: 0..<8, using: &generator) > 0 { continue }
                let action = lane.handle(input, using: &generator)
                outstanding = Self.outstanding(after: action, before: outstanding, input: input)
                watch.note(action, after: input, lane)
                history.append(input)
                guard Self.lives(lane, outstanding, watch) else {
                    Issue.record("seed \(generator.seed): stuck in \(lane.state) after \(history)")
                    return
                }
            }
        }
    }

    @Test("an input that cannot come in that state is ignored: it neither traps nor puts a lane to sleep unwatched")
    func impossible() {
        var generator = SplitMix64()
        for _ in 0..<4000 {
            var lane = Lane(limits: PipelineLimits(), suspect: Bool.random(using: &generator))
            _ = lane.begin()
            var history: [Lane.Input] = []
            for _ in 0..<40 {
                guard let input = Self.inputs.randomElement(using: &generator) else { return }
                let before = lane.state
                let action = lane.handle(input, using: &generator)
                history.append(input)
                let isIdle = before == lane.state && action == .none
                let isTold = action != .none || [.closed, .paused, .asleep].contains(lane.state)
                let isGone = if case .disconnected = lane.state { true } else { false }
                guard isIdle || isTold || isGone else {
                    Issue.record("seed \(generator.seed): \(before) to \(lane.state) without an action: \(history)")
                    return
                }
            }
        }
    }

    @Test("a closed lane does nothing any more", arguments: inputs)
    func closed(_ input: Lane.Input) {
        var generator = SplitMix64()
        var lane = Lane(limits: PipelineLimits(), suspect: false)
        _ = lane.begin()
        _ = lane.handle(.fenced, using: &generator)
        #expect(lane.handle(input, using: &generator) == .none)
        #expect(lane.state == .closed)
    }
}
