import Supervision
import Testing

/// A supervisor and its children in imagined time: what each check of a pool finds and decides.
@Suite("killing children that hang")
struct HangPolicyTests {
    /// What happens between one check and the next.
    enum Step {
        /// Checks in order, with the age of the heartbeat that Redis says at each; nil: the child is not listed.
        case ages([Int64?])
        /// So many checks, at each of which the child has been silent since its last heartbeat.
        case silent(Int)
        /// So many checks of a child that is well.
        case well(Int)
        /// Nothing runs for a time, neither supervisor nor child; the next check is due at its end.
        case frozen(Int64)
        /// The clock of Redis steps.
        case clock(Int64)
        /// The connection to Redis was made anew.
        case connected
        /// Redis refuses to answer so many checks.
        case refused(Int)
        /// The answer to one check takes so long; the child is silent.
        case slow(Int64)
    }

    private struct World {
        var policy: HangPolicy
        var now: Int64 = 1_000_000
        /// When the child was started and sent its last heartbeat.
        var started: Int64 = 0
        var beat: Int64 = 1_000_000
        /// How far the clock of Redis is ahead, now and when the last heartbeat came.
        var clock: Int64 = 0
        var clockAtBeat: Int64 = 0
        var kills: [Int64] = []

        init() {
            policy = HangPolicy(silence: 10_000, at: now)
        }

        mutating func look(_ heartbeat: Int64?, after wait: Int64 = 5) {
            let report = HangPolicy.Report(id: "w1", heartbeatAge: heartbeat, age: now - started)
            let hangs = policy.hanging(among: [report], at: now + wait)
            if !hangs.isEmpty { kills.append(now) }
        }

        mutating func tick() {
            now += HangPolicy.interval
            policy.beginCheck(at: now)
        }

        mutating func pass(_ step: Step) {
            switch step {
            case .ages(let ages):
                for age in ages {
                    tick()
                    look(age)
                }
            case .silent(let checks):
                for _ in 0..<checks {
                    tick()
                    look(max(0, now - beat + clock - clockAtBeat))
                }
            case .well(let checks):
                for _ in 0..<checks {
                    tick()
                    (beat, clockAtBeat) = (now - 1000, clock)
                    look(1000)
                }
            case .frozen(let time):
                now += time
                policy.beginCheck(at: now)
                look(max(0, now - beat + clock - clockAtBeat))
            case .clock(let step): clock += step
            case .connected: policy.startAnew(at: now)
            case .refused(let checks):
                for _ in 0..<checks {
                    tick()
                    policy.startAnew(at: now)
                }
            case .slow(let wait):
                tick()
                look(max(0, now - beat + clock - clockAtBeat), after: wait)
            }
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let steps: [Step]
        let isKilled: Bool

        init(_ name: String, _ steps: [Step], isKilled: Bool) {
            testDescription = name
            self.steps = steps
            self.isKilled = isKilled
        }
    }

    private static func often(_ steps: [Step]) -> [Step] {
        Array(repeating: steps, count: 20).flatMap { $0 }
    }

    private static let children: [Case] = [
        Case("healthy", [.well(100)], isKilled: false),
        Case("it stops", [.well(3), .silent(20)], isKilled: true),
        Case("one heartbeat is late", [.well(3), .silent(2), .well(10)], isKilled: false),
        Case("it never was listed", [.ages([nil, nil, nil, nil])], isKilled: true),
        Case("it is listed late", [.ages([nil, nil, 1000])], isKilled: false),
    ]

    /// SIGSTOP of all, or a machine that slept: the check is late by the time in which nothing ran.
    private static let freezes: [Case] = [
        Case(
            "frozen for less than it may be silent", [.well(3), .frozen(9000), .well(5)], isKilled: false),
        Case("frozen for an hour", [.well(3), .frozen(3_600_000), .well(5)], isKilled: false),
        Case(
            "frozen, and slow to wake", [.well(3), .frozen(3_600_000), .silent(2), .well(5)],
            isKilled: false),
        Case("frozen, and hanging since", [.well(3), .frozen(3_600_000), .silent(20)], isKilled: true),
        Case(
            "frozen under suspicion", [.well(3), .silent(2), .frozen(60_000), .silent(2), .well(5)],
            isKilled: false),
        Case("frozen again and again", often([.frozen(60_000), .silent(2)]), isKilled: false),
    ]

    private static let clocks: [Case] = [
        Case(
            "the clock steps forward", [.well(3), .clock(3_600_000), .silent(1), .well(5)],
            isKilled: false),
        Case(
            "it steps again and again", often([.clock(60_000), .silent(1), .well(1)]), isKilled: false),
        Case(
            "it steps forward, and the child hangs", [.well(3), .clock(3_600_000), .silent(20)],
            isKilled: true),
        Case("it steps back", [.well(3), .clock(-3_600_000), .silent(1), .well(5)], isKilled: false),
        Case(
            "it steps back a little, and the child hangs", [.well(3), .clock(-5000), .silent(20)],
            isKilled: true),
    ]

    private static let connections: [Case] = [
        Case(
            "a new one, the child's is late", [.silent(1), .connected, .silent(2), .well(5)],
            isKilled: false),
        Case("a new one, and the child hangs", [.silent(1), .connected, .silent(20)], isKilled: true),
        Case(
            "Redis is busy for a minute", [.well(3), .refused(12), .silent(2), .well(5)], isKilled: false),
        Case("Redis answers late", [.well(3)] + often([.slow(3000)]), isKilled: false),
    ]

    @Test(
        "a child is killed when it is silent for long enough in time that everybody had, and only then",
        arguments: children + freezes + clocks + connections)
    func decisions(_ child: Case) {
        var world = World()
        for step in child.steps { world.pass(step) }
        #expect(world.kills.isEmpty == !child.isKilled, "killed at \(world.kills)")
    }

    @Test(
        "a child that stops is killed within its silence and two checks, whenever between two checks it stops"
    )
    func bound() throws {
        for last in stride(from: Int64(0), to: HangPolicy.interval, by: 100) {
            var world = World()
            world.pass(.well(5))
            world.beat = world.now + last
            // At the next check it is well still.
            world.pass(.silent(20))
            let first = try #require(world.kills.first)
            #expect(first - world.beat <= 10_000 + 2 * HangPolicy.interval && first - world.beat > 10_000)
        }
    }

    @Test("each child is judged for itself")
    func several() {
        var policy = HangPolicy(silence: 10_000, at: 0)
        var hangs: [[HangPolicy.Hang]] = []
        for check in Int64(1)...6 {
            let now = check * HangPolicy.interval
            policy.beginCheck(at: now)
            hangs.append(
                policy.hanging(
                    among: [
                        .init(id: "a", heartbeatAge: 500, age: now),
                        .init(id: "b", heartbeatAge: now, age: now),
                        .init(id: "c", heartbeatAge: check > 4 ? nil : 0, age: now),
                    ], at: now))
        }
        // b is suspected at 15 s and killed at 20 s; c is suspected at 25 s.
        #expect(
            hangs == [
                [], [], [], [.init(id: "b", silence: 20_000)], [.init(id: "b", silence: 25_000)],
                [.init(id: "b", silence: 30_000), .init(id: "c", silence: 30_000)],
            ])
    }

    @Test("checks that are a little late are no gap: a busy machine finds what hangs")
    func busy() {
        var policy = HangPolicy(silence: 10_000, at: 0)
        var hangs: [HangPolicy.Hang] = []
        var now: Int64 = 0
        for _ in 0..<4 {
            now += HangPolicy.interval + HangPolicy.tolerance
            policy.beginCheck(at: now)
            hangs = policy.hanging(
                among: [.init(id: "a", heartbeatAge: now, age: now)], at: now + HangPolicy.tolerance)
        }
        #expect(hangs.map(\.id) == ["a"])
    }
}
