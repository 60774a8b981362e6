import Redis
import TestSupport
import Testing

@testable import Pipeline

@Suite("the lane as a state machine")
struct LaneTests {
    private var generator = SplitMix64(seed: 1)

    private static let refusal = RedisError(.loading, "LOADING")
    private static let breakage = RedisError(.disconnected, "gone")

    /// The limits without one of the server's time.
    private static let unhurried: PipelineLimits = {
        var limits = PipelineLimits()
        limits.callTime = 0
        return limits
    }()

    /// A lane that was brought into a state by what led there.
    private mutating func lane(_ inputs: [Lane.Input], suspect: Bool = false) -> Lane {
        var limits = Self.unhurried
        limits.attempts = 3
        var lane = Lane(limits: limits, suspect: suspect)
        _ = lane.begin()
        for input in inputs { _ = lane.handle(input, using: &generator) }
        return lane
    }

    private static let some = Lane.Input.peeked(events: 3, bytes: 1200)
    private static let none = Lane.Input.peeked(events: 0, bytes: 0)
    private static let asleep: [Lane.Input] = [none, none]

    @Test("the round of a busy lane is peek, transform, commit")
    mutating func round() {
        var lane = Lane(limits: Self.unhurried, suspect: false)
        #expect(lane.begin() == .peek(count: 512, watched: false))
        for _ in 0..<3 {
            #expect(lane.handle(.peeked(events: 512, bytes: 512 * 400), using: &generator) == .transform)
            #expect(lane.handle(.transformed(decided: 512), using: &generator) == .commit)
            #expect(lane.handle(.committed, using: &generator) == .peek(count: 512, watched: false))
        }
    }

    @Test("an empty queue is looked at once more with a watch, then the lane sleeps until it is woken")
    mutating func sleep() {
        var lane = lane([])
        #expect(lane.handle(Self.none, using: &generator) == .peek(count: 512, watched: true))
        #expect(lane.handle(Self.none, using: &generator) == .none)
        #expect(lane.state == .asleep)
        #expect(lane.handle(.wake, using: &generator) == .peek(count: 512, watched: false))
    }

    @Test("a batch that was read when the lease may be over is not transformed: fewer events are read again")
    mutating func unsure() {
        var lane = lane([])
        guard case .wait = lane.handle(.unsure, using: &generator) else {
            Issue.record("no wait but \(lane.state)")
            return
        }
        #expect(lane.state == .waiting(next: .peek))
        #expect(lane.handle(.timer, using: &generator) == .peek(count: 64, watched: false))
        #expect(lane.handle(Self.some, using: &generator) == .transform)
    }

    @Test("after a short batch the next peek watches at once")
    mutating func shortBatch() {
        var lane = lane([Self.some, .transformed(decided: 3)])
        #expect(lane.handle(.committed, using: &generator) == .peek(count: 512, watched: true))
        #expect(lane.handle(Self.none, using: &generator) == .none)
        #expect(lane.state == .asleep)
    }

    @Test(
        "whether the peek that leaves with a commit is watched is settled before the commit is answered",
        arguments: [1, 8, 15, 16, 19, 31, 64])
    mutating func watchedAfterUnsure(_ events: Int) {
        var lane = lane([.unsure, .timer])
        for _ in 0..<30 {
            let peeked = min(events, lane.batchSize)
            #expect(lane.handle(.peeked(events: peeked, bytes: peeked * 400), using: &generator) == .transform)
            #expect(lane.handle(.transformed(decided: peeked), using: &generator) == .commit)
            let (count, watched) = (lane.batchSize, lane.expectsEmptiness)
            #expect(lane.following == (count, watched))
            #expect(lane.handle(.committed, using: &generator) == .peek(count: count, watched: watched))
        }
    }

    @Test("a change that is told during a peek is not lost: the queue is read again")
    mutating func wakeDuringPeek() {
        var lane = lane([Self.none])
        #expect(lane.handle(.wake, using: &generator) == .none)
        #expect(lane.handle(Self.none, using: &generator) == .peek(count: 512, watched: true))
        #expect(lane.handle(Self.none, using: &generator) == .none)
        #expect(lane.state == .asleep)
    }

    @Test("a change that is told during a commit is not lost")
    mutating func wakeDuringCommit() {
        var lane = lane([Self.some, .transformed(decided: 3), .wake, .committed])
        #expect(lane.handle(Self.none, using: &generator) == .peek(count: 512, watched: true))
    }

    @Test(
        "batches are as large as their events allow",
        arguments: [(400, 512), (4096, 256), (1 << 20, 1), (5 << 20, 1), (1, 512)])
    mutating func batchSize(_ eventBytes: Int, _ size: Int) {
        var lane = lane([.peeked(events: 1, bytes: eventBytes), .transformed(decided: 1)])
        #expect(lane.batchSize == size)
        #expect(lane.handle(.committed, using: &generator) == .peek(count: size, watched: true))
    }

    @Test("a batch begins small, and grows as long as the server is quick with it")
    mutating func pace() {
        var lane = Lane(limits: PipelineLimits(), suspect: false)
        #expect(lane.begin() == .peek(count: 16, watched: false))
        // Four milliseconds hold forty events of a hundred microseconds, and twenty of two hundred.
        for (count, cost, next) in [(16, 100, 32), (32, 100, 40), (40, 100, 40), (40, 200, 32), (32, 200, 27)] {
            #expect(lane.batchSize == count)
            _ = lane.handle(.peeked(events: count, bytes: count * 400), using: &generator)
            #expect(lane.handle(.transformed(decided: count), using: &generator) == .commit)
            #expect(
                lane.handle(.measured(events: count, microseconds: Int64(count * cost)), using: &generator) == .none)
            _ = lane.handle(.committed, using: &generator)
            #expect(lane.batchSize == next)
        }
    }

    @Test("after a death events are taken one by one, each attempt counted before it is made")
    mutating func suspect() {
        var limits = PipelineLimits()
        limits.batchEvents = 3
        var lane = Lane(limits: limits, suspect: true)
        #expect(lane.begin() == .peek(count: 1, watched: false))
        for left in [2, 1, 0] {
            #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .attempt(isolated: false))
            #expect(lane.handle(.transformed(decided: 1), using: &generator) == .commit)
            // The peek that answers left with the commit.
            #expect(lane.handle(.committed, using: &generator) == .peek(count: 1, watched: true))
            #expect(lane.isSuspect == (left > 0))
        }
        #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .transform)
        #expect(lane.handle(.transformed(decided: 1), using: &generator) == .commit)
        #expect(lane.handle(.committed, using: &generator) == .peek(count: 3, watched: true))
    }

    @Test(
        "a head over which a worker has died is tried isolated, those behind it are not",
        arguments: [(0, 3, false), (1, 3, true), (2, 3, true), (1, 100, true), (0, 2, true)])
    mutating func isolated(_ attempts: Int, _ deaths: Int, _ isIsolated: Bool) {
        var limits = PipelineLimits()
        limits.deaths = deaths
        var lane = Lane(limits: limits, suspect: true, attempts: attempts)
        _ = lane.begin()
        #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .attempt(isolated: isIsolated))
        _ = lane.handle(.failed(ofFirstEvent: false), using: &generator)
        #expect(lane.handle(.timer, using: &generator) == .attempt(isolated: isIsolated))
        _ = lane.handle(.transformed(decided: 1), using: &generator)
        _ = lane.handle(.committed, using: &generator)
        #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .attempt(isolated: deaths < 3))
    }

    @Test("care ends with an empty queue")
    mutating func suspectEnd() {
        var lane = lane([Self.none], suspect: true)
        #expect(!lane.isSuspect)
        #expect(lane.handle(.peeked(events: 9, bytes: 900), using: &generator) == .transform)
    }

    @Test("a stage that fails kills nobody: before it is tried again the attempt is counted anew")
    mutating func failureIsNoDeath() {
        var lane = lane([.peeked(events: 1, bytes: 400)], suspect: true)
        #expect(lane.state == .transforming)
        guard case .wait = lane.handle(.failed(ofFirstEvent: false), using: &generator) else {
            Issue.record("no wait")
            return
        }
        #expect(lane.handle(.timer, using: &generator) == .attempt(isolated: false))
    }

    @Test("an attempt that Redis did not answer is made again")
    mutating func attemptAgain() {
        var lane = lane([.peeked(events: 1, bytes: 400), .refused(Self.breakage)], suspect: true)
        #expect(lane.state == .disconnected(next: .attempt))
        #expect(lane.handle(.reconnected, using: &generator) == .attempt(isolated: false))
    }

    @Test("a head event that fails is tried again in place, and set aside when its attempts are used up")
    mutating func deadLetter() {
        var lane = lane([Self.some])
        var waits: [Int64] = []
        for failure in 1...2 {
            guard case .wait(let wait) = lane.handle(.failed(ofFirstEvent: true), using: &generator) else {
                Issue.record("no wait")
                return
            }
            waits.append(wait)
            #expect(lane.failures == failure)
            #expect(lane.handle(.timer, using: &generator) == .transform)
        }
        #expect((10...20).contains(waits[0]) && (20...40).contains(waits[1]), "\(waits)")
        #expect(lane.handle(.failed(ofFirstEvent: true), using: &generator) == .deadLetter)
        #expect(lane.handle(.committed, using: &generator) == .peek(count: 512, watched: true))
        #expect(lane.failures == 0)
    }

    @Test(
        "the event before which a commit ends has failed once, unless it was not tried yet", arguments: [true, false])
    mutating func nextHead(_ isNextFailed: Bool) {
        var lane = lane([Self.some, .transformed(decided: 2, isNextFailed: isNextFailed), .committed, Self.some])
        #expect(lane.failures == (isNextFailed ? 1 : 0))
        // Of three attempts one may be gone.
        for _ in 0..<(isNextFailed ? 1 : 2) {
            guard case .wait = lane.handle(.failed(ofFirstEvent: true), using: &generator) else {
                Issue.record("no wait")
                return
            }
            #expect(lane.handle(.timer, using: &generator) == .transform)
        }
        #expect(lane.handle(.failed(ofFirstEvent: true), using: &generator) == .deadLetter)
    }

    @Test("a stage that cannot begin blames no event")
    mutating func prepare() {
        var lane = lane([Self.some])
        for _ in 0..<50 {
            guard case .wait(let wait) = lane.handle(.failed(ofFirstEvent: false), using: &generator) else {
                Issue.record("no wait")
                return
            }
            #expect(wait <= 2000)
            #expect(lane.handle(.timer, using: &generator) == .transform)
        }
        #expect(lane.failures == 0)
    }

    @Test("a full next queue is tried again soon, with the same commit")
    mutating func full() {
        var lane = lane([Self.some, .transformed(decided: 3)])
        for _ in 0..<20 {
            guard case .wait(let wait) = lane.handle(.full, using: &generator) else {
                Issue.record("no wait")
                return
            }
            #expect(wait <= 200)
            #expect(lane.handle(.timer, using: &generator) == .commit)
        }
        #expect(lane.handle(.committed, using: &generator) == .peek(count: 512, watched: true))
    }

    @Test("when the head was taken away by hand, the next one has all its attempts", arguments: [true, false])
    mutating func moved(_ hasFailedBefore: Bool) {
        var lane =
            hasFailedBefore
            ? lane([Self.some, .failed(ofFirstEvent: true), .timer, .failed(ofFirstEvent: true), .timer])
            : lane([Self.some])
        #expect(lane.failures == (hasFailedBefore ? 2 : 0))
        _ = lane.handle(.transformed(decided: 2), using: &generator)
        #expect(lane.handle(.moved, using: &generator) == .peek(count: 512, watched: false))
        #expect(lane.failures == 0)
        _ = lane.handle(Self.some, using: &generator)
        _ = lane.handle(.transformed(decided: 3), using: &generator)
        _ = lane.handle(.committed, using: &generator)
        #expect(lane.failures == 0, "the commit that was refused said nothing about this head")
    }

    @Test("when the head was taken away by hand, what was lost over it says nothing about the next one")
    mutating func movedSuspect() {
        var lane = Lane(limits: PipelineLimits(), suspect: true, attempts: 1)
        _ = lane.begin()
        #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .attempt(isolated: true))
        _ = lane.handle(.transformed(decided: 1), using: &generator)
        _ = lane.handle(.moved, using: &generator)
        #expect(lane.handle(.peeked(events: 1, bytes: 400), using: &generator) == .attempt(isolated: false))
    }

    /// Where a lane stops at once when it is asked to, and where it first finishes.
    static let stops: [(inputs: [Lane.Input], action: Lane.Action)] = [
        ([], .release), (asleep, .release), ([.pause, some], .release),
        ([some], .none), ([some, .transformed(decided: 3)], .none),
        ([some, .failed(ofFirstEvent: true)], .release),
        ([some, .transformed(decided: 3), .full], .release),
        ([some, .transformed(decided: 3), .refused(refusal)], .release),
        ([.refused(refusal)], .release), ([.refused(breakage)], .abandon), ([.fenced], .none),
    ]

    @Test("a lane that is asked to stop does so at once when nothing is in hand", arguments: stops)
    mutating func stop(_ inputs: [Lane.Input], _ action: Lane.Action) {
        var lane = lane(inputs)
        #expect(lane.handle(.stop, using: &generator) == action)
        #expect((lane.state == .closed) == (action != .none || inputs.count == 1 && inputs.last?.isFenced == true))
    }

    @Test(
        "a lane that is asked to stop over a batch goes when its commit is answered, whatever the answer",
        arguments: [.committed, .full, .moved, .refused(refusal)] as [Lane.Input])
    mutating func stopWhileCommitting(_ answer: Lane.Input) {
        var lane = lane([Self.some, .transformed(decided: 3), .stop])
        #expect(lane.handle(answer, using: &generator) == .release)
        #expect(lane.state == .closed)
    }

    @Test("a paused lane finishes its batch, rests, and goes on when it is resumed")
    mutating func pause() {
        var lane = lane([Self.some, .pause])
        #expect(lane.handle(.transformed(decided: 3), using: &generator) == .commit)
        #expect(lane.handle(.committed, using: &generator) == .none)
        #expect(lane.state == .paused)
        #expect(lane.handle(.wake, using: &generator) == .none)
        #expect(lane.handle(.reconnected, using: &generator) == .none)
        #expect(lane.handle(.resume, using: &generator) == .peek(count: 512, watched: false))
        #expect(lane.handle(.resume, using: &generator) == .none)
    }

    @Test("a lane that sleeps is paused at once")
    mutating func pauseAsleep() {
        var lane = lane(Self.asleep + [.pause])
        #expect(lane.state == .paused)
        #expect(lane.handle(.resume, using: &generator) == .peek(count: 512, watched: false))
    }

    /// A broken connection in each state, and the first step with the next connection.
    static let breaks: [(inputs: [Lane.Input], action: Lane.Action)] = [
        ([.refused(breakage)], .peek(count: 512, watched: false)),
        (asleep, .peek(count: 512, watched: false)),
        ([some, .transformed(decided: 3), .refused(breakage)], .commit),
        ([some, .transformed(decided: 3), .full], .commit),
        ([some, .failed(ofFirstEvent: true)], .transform),
        ([.refused(refusal)], .peek(count: 512, watched: false)),
        ([some], .none),
    ]

    @Test("with a new connection a lane goes on where it was", arguments: breaks)
    mutating func reconnect(_ inputs: [Lane.Input], _ action: Lane.Action) {
        var lane = lane(inputs)
        #expect(lane.handle(.reconnected, using: &generator) == action)
    }
}

extension Lane.Input {
    fileprivate var isFenced: Bool {
        if case .fenced = self { true } else { false }
    }
}
