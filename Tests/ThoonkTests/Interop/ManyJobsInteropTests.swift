import Foundation
import TestSupport
import Testing
import Thoonk

/// Ten thousand jobs from one side to the other, while Swift processes that work on them are killed, two a second.
@Suite("ten thousand jobs between Swift and thoonk.py", .serialized)
struct ManyJobsInteropTests {
    private static let count = 10_000
    private let world: InteropWorld
    private let job: Job
    private let seed = SplitMix64().seed
    private var comment: Comment { "seed \(seed)" }

    init() throws {
        world = try InteropWorld(options: ThoonkOptions(eventBuffer: 100_000))
        job = world.client.job("work")
    }

    private var items: [String] { (1...Self.count).map { "job \($0)" } }

    /// Kills two workers a second until all jobs are finished. Maintenance runs meanwhile and must double nothing.
    private func killUntilDone(_ crew: WorkerCrew) async throws -> Int {
        let (server, seed) = (world.server, seed)
        // On a thread of its own, which other tests cannot delay by holding the threads of the pool.
        async let kills = onThread { try Self.killRepeatedly(crew, on: server, seed: seed) }
        let deadline = Deadline(in: 100)
        while try await job.counts().finishes < Self.count, !deadline.isOver {
            _ = try await job.maintenance(grace: .seconds(10))
            try await Task.sleep(for: .milliseconds(500))
        }
        return try await kills
    }

    private static func killRepeatedly(_ crew: WorkerCrew, on server: RedisServer, seed: UInt64) throws -> Int {
        var crew = crew
        var random = SplitMix64(seed: seed)
        let deadline = Deadline(in: 100)
        while true {
            let finished = try server.cli("GET", "feed.finishes:work")
            if Int(finished) == count { return crew.kills }
            guard !deadline.isOver else { throw TestSupportError("seed \(seed): \(finished) are finished, not all") }
            Thread.sleep(forTimeInterval: Double.random(in: 0.45...0.55, using: &random))
            try crew.kill(using: &random)
        }
    }

    /// What the workers have written after each finish: the ids, and how many of the jobs were cancelled before.
    private func ledger() async throws -> (ids: [String], cancelled: Int) {
        let queue = world.client.queue(WorkerCrew.ledger)
        var ids: [String] = []
        var cancelled = 0
        while true {
            let lines = try await queue.get(upTo: 1000, timeout: .zero)
            guard !lines.isEmpty else { return (ids, cancelled) }
            for line in lines {
                let words = line.text.split(separator: " ")
                ids.append(String(words[0]))
                if words[1] != "0" { cancelled += 1 }
            }
        }
    }

    /// Each job was finished once, with its own result, and nothing is left of it.
    private func expectOnce(_ events: FeedEvents, _ ids: [String]) async throws {
        try await world.client.feed("end").create(maxLength: nil)
        let finished = Tally()
        let results = Tally()
        for event in await gather(events, until: "end") {
            switch event {
            case .finished(_, let id, let result):
                finished.add(id)
                results.add(String(decoding: result, as: UTF8.self))
            case .missed(let reason): Issue.record("events were missed: \(reason)")
            default: break
            }
        }
        #expect(finished.isOnce(ids), comment)
        #expect(results.isOnce(items), comment)
        // Jobs that maintenance saw on their way to a worker of thoonk.py are forgotten by now.
        #expect(try await job.maintenance(grace: .zero).putBack == 0, comment)
        let counts = try await job.counts()
        #expect((counts.publishes, counts.finishes) == (Self.count, Self.count), comment)
        let left = try world.keys().filter { $0.hasSuffix(":work") }
        #expect(left == ["feed.config:work", "feed.finishes:work", "feed.publishes:work"], comment)
    }

    @Test("put by thoonk.py and worked by Swift, two workers killed a second: each is finished once")
    func pythonToSwift() async throws {
        let writers = [try world.python.client(), try world.python.client()]
        try writers[0].create("job", "work")
        let events = try await world.client.events(of: ["work", "end"])
        let crew = try WorkerCrew(of: 2, on: world.server, feed: "work", work: 30)
        let items = items
        async let first = onThread { try writers[0].putMany("job", "work", Array(items.prefix(items.count / 2))) }
        async let second = onThread { try writers[1].putMany("job", "work", Array(items.dropFirst(items.count / 2))) }
        let kills = try await killUntilDone(crew)
        let ids = try await first + second
        // Two workers need 3.75 s for these batches, however fast the machine is.
        #expect(kills >= 3, comment)
        try await expectOnce(events, ids)
        let written = try await ledger()
        #expect(Set(written.ids).count == written.ids.count, comment)
        #expect(Set(written.ids).isSubset(of: ids), comment)
        #expect(written.ids.count >= Self.count - (kills + 2) * WorkerCrew.batch, comment)
        // Claims of killed workers were passed on.
        #expect(written.cancelled > 0, comment)
    }

    @Test("put by Swift and worked by thoonk.py, a Swift worker beside it killed twice a second: each is finished once")
    func swiftToPython() async throws {
        try await job.create()
        let events = try await world.client.events(of: ["work", "end"])
        let workers = [try world.python.client(), try world.python.client()]
        let crew = try WorkerCrew(of: 1, on: world.server, feed: "work", work: 25)
        async let first = onThread { try workers[0].workMany("work", count: Self.count) }
        async let second = onThread { try workers[1].workMany("work", count: Self.count) }
        async let killed = killUntilDone(crew)
        var ids: [String] = []
        for start in stride(from: 0, to: Self.count, by: 500) {
            ids += try await job.put(all: Array(items[start..<start + 500]))
        }
        let kills = try await killed
        let done = try await first + second
        #expect(kills > 0, comment)
        try await expectOnce(events, ids)
        let written = try await ledger()
        #expect(Set(written.ids).count == written.ids.count, comment)
        #expect(!done.isEmpty && !written.ids.isEmpty, comment)
        // Nothing that Swift has finished was finished by thoonk.py as well.
        let byNumber = Dictionary(uniqueKeysWithValues: zip(ids, items))
        let bySwift = Set(written.ids.compactMap { byNumber[$0] })
        #expect(bySwift.isDisjoint(with: done), comment)
        #expect(bySwift.count + Set(done).count >= Self.count - (kills + 2) * WorkerCrew.batch, comment)
        #expect(Set(done).count == done.count, comment)
    }
}
