import TestSupport
import Testing

@testable import Thoonk

/// Many clients at once, with faults drawn from a seed.
@Suite("many Thoonk clients at once")
struct ThoonkFaultTests {
    @Test("each job is finished once, by slow, forgetful and cancelled workers, over cut connections and a kill -9")
    func jobs() async throws {
        let world = try ThoonkWorld(appendOnly: .always)
        let seed = SplitMix64().seed
        let count = 400
        let finished = Tally()
        try await world.client.job("j").put(all: (0..<count).map { "\($0)" })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<6 {
                group.addTask {
                    var random = SplitMix64(seed: seed &+ UInt64(worker))
                    let job = try world.another().job("j")
                    while try await left(job, count) {
                        let wait = Duration.milliseconds(Int.random(in: 1...150, using: &random))
                        let claimTime = Duration.milliseconds(Int.random(in: 80...200, using: &random))
                        let get = Task { try await job.get(timeout: wait, claimTimeout: claimTime) }
                        if Int.random(in: 0..<6, using: &random) == 0 {
                            try await Task.sleep(for: .microseconds(Int.random(in: 0...2000, using: &random)))
                            get.cancel()
                        }
                        guard let claim = try? await get.value else { continue }
                        switch Int.random(in: 0..<12, using: &random) {
                        case 0: continue  // dies with it
                        case 1: try await Task.sleep(for: claimTime + .milliseconds(50))
                        case 2:
                            _ = try? await job.cancel(claim)
                            continue
                        case 3:
                            if (try? await job.stall(claim)) == .done {
                                try await insist { _ = try await job.retry(claim.id) }
                            }
                            continue
                        default: break
                        }
                        // If the reply is lost, the outcome is unknown here; the counts below show it.
                        if (try? await job.finish(claim, result: claim.text)) == .done { finished.add(claim.text) }
                    }
                }
            }
            group.addTask {
                var random = SplitMix64(seed: seed &+ 99)
                for trouble in ["normal", "pubsub", "kill", "normal"] {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 50...250, using: &random)))
                    if trouble == "kill" {
                        try world.server.kill()
                        try world.server.restart()
                    } else {
                        try world.server.cli("CLIENT", "KILL", "TYPE", trouble)
                    }
                }
            }
            try await group.waitForAll()
        }
        let counts = try await world.client.job("j").counts()
        // Nothing but a finish removes a job, and each finish is counted: together with the empty feed this is each once.
        #expect(finished.all.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(counts.finishes == count, "seed \(seed)")
        #expect((counts.items, counts.waiting, counts.claimed, counts.stalled) == (0, 0, 0, 0), "seed \(seed)")
        #expect(try world.server.cli("EXISTS", "feed.published:j", "feed.cancelled:j") == "0", "seed \(seed)")
    }

    @Test("gets of a queue that are cancelled at any moment lose nothing and double nothing")
    func cancelled() async throws {
        let world = try ThoonkWorld()
        let seed = SplitMix64().seed
        let count = 500
        let got = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let queue = world.client.queue("q")
                for number in 0..<count { try await queue.put("\(number)") }
            }
            for worker in 0..<4 {
                group.addTask {
                    var random = SplitMix64(seed: seed &+ UInt64(worker))
                    // Two workers share a client and its wait queue.
                    let queue = worker < 2 ? world.client.queue("q") : try world.another().queue("q")
                    while got.all.count < count {
                        let limit = Int.random(in: 1...3, using: &random)
                        let get = Task { try await queue.get(upTo: limit, timeout: .milliseconds(50)) }
                        if Bool.random(using: &random) {
                            try await Task.sleep(for: .microseconds(Int.random(in: 0...800, using: &random)))
                            get.cancel()
                        }
                        for item in (try? await get.value) ?? [] { got.add(item.text) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(got.all.count == count, "seed \(seed)")
        #expect(got.all.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(try await world.client.queue("q").count() == 0, "seed \(seed)")
        #expect(try world.server.cli("GET", "feed.publishes:q") == "\(count)", "seed \(seed)")
        #expect(try world.server.cli("EXISTS", "feed.items:q") == "0", "seed \(seed)")
    }

    @Test("items that are put back are delivered next, in order, and no cancel is counted")
    func putBack() async throws {
        let world = try ThoonkWorld()
        let job = world.client.job("j")
        try await job.put(all: ["1", "2", "3"])
        let cancelled = Task {
            // Cancelled before it begins: what it takes is put back.
            withUnsafeCurrentTask { $0?.cancel() }
            return try await job.get(upTo: 2, timeout: .zero)
        }
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        try await soon { try await job.counts().waiting == 3 }
        let claims = try await job.get(upTo: 3)
        #expect(claims.map(\.text) == ["1", "2", "3"])
        #expect(claims.allSatisfy { $0.cancelled == 0 })
    }

    @Test("waiting gets are served in the order in which they came")
    func fair() async throws {
        let world = try ThoonkWorld()
        let queue = world.client.queue("q")
        var tasks: [Task<String?, any Error>] = []
        for number in 1...5 {
            tasks.append(Task { try await queue.get(timeout: .seconds(60))?.text })
            // It waits before the next one comes.
            try await soon(within: 30, "\(number) wait") { await world.client.core.waitingGets == number }
        }
        try await world.another().queue("q").put(all: ["0", "1", "2", "3", "4"])
        for (number, task) in tasks.enumerated() { #expect(try await task.value == "\(number)") }
    }

    /// Whether there is work left, asked until there is an answer.
    private func left(_ job: Job, _ count: Int) async throws -> Bool {
        while true {
            if let counts = try? await job.counts() { return counts.finishes < count }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Tries again while Redis is away or did not say whether it was done.
    private func insist(_ body: () async throws -> Void) async throws {
        while true {
            do { return try await body() } catch let error as ThoonkError {
                guard error.code == .uncertain || error.code == .unreachable else { throw error }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }
}

extension ThoonkCore {
    /// How many gets wait.
    fileprivate var waitingGets: Int { waitQueues.values.reduce(0) { $0 + $1.gets.pending.count } }
}
