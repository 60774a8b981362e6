import Events
import JSON
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// Workers that have an event in hand and do not come back in time, or never: which of them speak against the event.
@Suite("workers that are lost over an event")
struct LostWorkerTests {
    private static let lane = LaneID(stage: "a", partition: 0)

    private func letters(_ pool: WorkerPool) throws -> [ParsedJSON] {
        try (pool.redis.ask("LRANGE", "{t.0}:dead:a", "0", "-1").array ?? []).map {
            try ParsedJSON(parsing: $0.text ?? "")
        }
    }

    /// Three events wait in the first stage, and no worker runs.
    private func filled() throws -> WorkerPool {
        let pool = try WorkerPool(partitions: 1, stages: ["a": WorkerPool.pass, "b": WorkerPool.publisher])
        try pool.startAlone()
        try pool.stop("w1")
        try pool.redis.ask(
            words: ["FCALL", "tidings_enqueue", "2", "{t.0}:queue:a", "{t.0}:lane:a", "0", "3"]
                + (0..<3).map { #"{"thread":"0","n":\#($0)}"# })
        return pool
    }

    @Test("an event over which workers were seen to die is set aside as poison", arguments: [2, 3, 5])
    func poison(_ deaths: Int) throws {
        let pool = try filled()
        pool.limits.deaths = deaths
        try pool.loseWorkers(deaths, over: Self.lane, .died)
        try pool.start("w2")
        try pool.published(2)
        #expect(try pool.published() == [1, 2])
        let letter = try #require(letters(pool).first)
        #expect(letter["event"]?["n"] == 0)
        #expect(letter["error"]?.string == "poison: \(deaths) workers died over this event")
        #expect(letter["attempts"]?.integer == deaths)
        try pool.expectBalance()
    }

    @Test("one death less, and the event is tried once more", arguments: [2, 3, 5])
    func nearlyPoison(_ deaths: Int) throws {
        let pool = try filled()
        pool.limits.deaths = deaths
        try pool.loseWorkers(deaths - 1, over: Self.lane, .died)
        try pool.start("w2")
        try pool.published(3)
        #expect(try pool.published() == [0, 1, 2])
    }

    @Test("an event over which nobody was seen to die is set aside after many losses only, and the letter says so")
    func unexplained() throws {
        let pool = try filled()
        // The first one had a batch, which is no attempt.
        try pool.loseWorkers(1 + pool.limits.unexplainedLosses - 1, over: Self.lane, .unknown)
        try pool.startAlone("w2")
        try pool.published(3)
        #expect(try pool.published() == [0, 1, 2])
        try pool.stop("w2")
        try pool.redis.ask(
            "FCALL", "tidings_enqueue", "2", "{t.0}:queue:a", "{t.0}:lane:a", "0", "1", #"{"thread":"0","n":3}"#)
        try pool.loseWorkers(1 + pool.limits.unexplainedLosses, over: Self.lane, .unknown)
        try pool.start("w3")
        try pool.runner.run(within: 10, "it is set aside") { try letters(pool).count == 1 }
        let error = try #require(letters(pool).first?["error"]?.string)
        #expect(error.hasPrefix("lost 20 times without a sign of why"), "\(error)")
        try pool.expectBalance()
    }

    @Test("workers that ended in order while they had the event are no losses")
    func ended() throws {
        let pool = try filled()
        pool.limits.unexplainedLosses = 3
        try pool.loseWorkers(30, over: Self.lane, .left)
        try pool.start("w2")
        try pool.published(3)
        #expect(try letters(pool).isEmpty)
    }

    /// A worker on a loop of its own: as long as that is not run, its process is stopped.
    private final class Sleeper {
        let runner: LoopRunner
        let worker: Worker
        private(set) var held = 0

        init(_ id: String, in pool: WorkerPool, holding: Int64) throws {
            runner = try LoopRunner()
            var stages = pool.stages
            var tell: () -> Void = {}
            stages["a"] = {
                LastingStage { number in
                    guard number == holding else { return 0 }
                    tell()
                    return 300
                }
            }
            worker = Worker(
                on: runner.loop,
                options: WorkerOptions(
                    id: id, layout: pool.layout, limits: pool.limits, redis: try RedisAddress(url: pool.server.url),
                    stages: stages),
                logger: .silent)
            tell = { [unowned self] in self.held += 1 }
            worker.start()
        }
    }

    @Test(
        "workers that are stopped past their leases, one after the other, over a slow event: nobody died, it is published"
    )
    func stopped() throws {
        let pool = try filled()
        pool.limits.lease = 1000
        let sleepers = try ["s0", "s1"].map { try Sleeper($0, in: pool, holding: 0) }
        // Each time a worker has the event in hand, it is stopped, and the other one goes on: it finds that it was too
        // late, and takes the lane when the lease is over.
        for round in 0..<5 {
            let own = sleepers[round % 2]
            let before = own.held
            try own.runner.run(within: 20, "it has the event in hand, round \(round)") {
                try pool.nudge()
                return own.held > before
            }
        }
        // From here on nobody is stopped.
        try pool.runner.run(within: 20, "all are published") {
            for sleeper in sleepers { sleeper.runner.run(for: 0.005) }
            return try pool.published().count == 3
        }
        #expect(try pool.published() == [0, 1, 2])
        #expect(try letters(pool).isEmpty)
        try pool.expectBalance()
        for sleeper in sleepers {
            sleeper.worker.stop {}
            sleeper.runner.run(for: 0.05)
        }
    }
}

extension WorkerPool {
    /// Has the workers look at all lanes, as they do when another one comes or goes.
    func nudge() throws {
        if Clock.monotonicMilliseconds() % 200 < 10 { try redis.ask("PUBLISH", "t:control", "look") }
    }

    /// Workers that take a lane one after the other and end: the first with its batch in hand, the others with the event
    /// at the head.
    func loseWorkers(_ count: Int, over lane: LaneID, _ ending: ProcessEnding) throws {
        let (key, queue) = (layout.lane(lane), layout.queue(lane))
        for index in 0..<count {
            let owner = "lost-\(lane)-\(index)"
            try redis.ask("FCALL", "tidings_claim", "2", key, queue, layout.name, owner, "60000")
            let token = try redis.ask("HGET", key, "token").text ?? ""
            if index > 0 { try redis.ask("FCALL", "tidings_attempt", "1", key, token) }
            try redis.ask("FCALL", "tidings_leave", "0", layout.name, owner, ending.rawValue)
        }
    }
}

/// Hands everything on after a time that depends on the batch's first event, in milliseconds.
final class LastingStage: Stage {
    private let time: (_ number: Int64) -> Int64
    private var timer: Timer?

    init(_ time: @escaping (_ number: Int64) -> Int64) {
        self.time = time
    }

    func prepare(_ batch: [Event], context: StageContext, ready: @escaping (StageError?) -> Void) {
        let lasts = time(batch.first?.fields["n"]?.int ?? -1)
        guard lasts > 0 else { return ready(nil) }
        let timer = Timer(on: context.loop) { ready(nil) }
        timer.schedule(after: lasts)
        self.timer = timer
    }

    func process(_ event: Event, context: StageContext) throws(StageError) -> Disposition {
        .forward([event])
    }
}
