import TestSupport
import Testing
import Thoonk

@Suite("a Thoonk job feed")
struct JobClientTests {
    private let world: ThoonkWorld
    private let job: Job

    init() throws {
        world = try ThoonkWorld()
        job = world.client.job("work")
    }

    @Test("a job is put, claimed, finished, and leaves nothing but counters")
    func life() async throws {
        try await job.put("1")
        let claim = try #require(try await job.get())
        #expect(claim.text == "1")
        #expect(claim.cancelled == 0)
        #expect(try await job.counts().claimed == 1)
        #expect(try await job.finish(claim, result: "done") == .done)
        #expect(try await job.finish(claim) == .notClaimed)
        #expect(try await job.counts() == counts(publishes: 1, finishes: 1))
        #expect(
            try world.keys() == ["feed.config:work", "feed.finishes:work", "feed.publishes:work", "feeds"])
    }

    @Test("a cancelled job waits again behind the others, and the cancels are counted")
    func cancel() async throws {
        try await job.put(all: ["1", "2"])
        let claim = try #require(try await job.get())
        #expect(try await job.cancel(claim) == .done)
        #expect(try await job.get()?.text == "2")
        let again = try #require(try await job.get())
        #expect((again.text, again.cancelled) == ("1", 1))
        #expect(try await job.finish(claim) == .lost)
        #expect(try await job.finish(again) == .done)
    }

    @Test("a stalled job rests until it is retried; one that is not stalled is not retried")
    func stall() async throws {
        let id = try await job.put("1")
        #expect(try await !job.retry(id))
        let claim = try #require(try await job.get())
        #expect(try await !job.retry(id))
        #expect(try await job.stall(claim) == .done)
        #expect(try await job.status(id).state == .stalled)
        #expect(try await job.get(timeout: .zero) == nil)
        #expect(try await job.retry(id))
        #expect(try await !job.retry(id))
        #expect(try await job.waiting() == [id])
        #expect(try await job.get()?.id == id)
    }

    @Test("an expired claim passes to the next get, and a late finish is refused")
    func timeout() async throws {
        try await job.put("slow")
        let slow = try #require(try await job.get(claimTimeout: .milliseconds(80)))
        // Nothing is written to the list: the waiting get wakes at the deadline.
        let next = try #require(try await job.get(timeout: .seconds(10)))
        #expect((next.text, next.cancelled) == ("slow", 1))
        for outcome in [
            try await job.finish(slow, result: "late"), try await job.cancel(slow), try await job.stall(slow),
            try await job.extend(slow, by: .seconds(1)),
        ] {
            #expect(outcome == .lost)
        }
        #expect(try await job.finish(next) == .done)
        #expect(try await job.finish(slow) == .notClaimed)
        #expect(try await job.counts() == counts(publishes: 1, finishes: 1))
    }

    @Test("a claim that was extended does not expire")
    func extend() async throws {
        try await job.put("long")
        let claim = try #require(try await job.get(claimTimeout: .milliseconds(50)))
        #expect(try await job.extend(claim, by: .seconds(60)) == .done)
        #expect(try await job.get(timeout: .milliseconds(150)) == nil)
        let left = try #require(try await job.status(claim.id).claimEnds)
        #expect(left > .seconds(50))
        #expect(try await job.finish(claim) == .done)
        #expect(try world.server.cli("EXISTS", "feed.deadlines:work") == "0")
    }

    @Test("a claim without a time of its own lasts as long as the feed says")
    func configured() async throws {
        try await job.create(claimTimeout: .seconds(700))
        try await job.put("1")
        let claim = try #require(try await job.get())
        let left = try #require(try await job.status(claim.id).claimEnds)
        #expect(left > .seconds(600) && left <= .seconds(700))
    }

    @Test("a job can be retracted in any state", arguments: [JobState.waiting, .claimed, .stalled])
    func retract(state: JobState) async throws {
        let id = try await job.put("1")
        let claim = state == .waiting ? nil : try await job.get()
        if state == .stalled, let claim { try await job.stall(claim) }
        #expect(try await job.status(id).state == state)
        #expect(try await job.retract(id))
        #expect(try await !job.retract(id))
        #expect(try await job.status(id).state == .absent)
        if let claim { #expect(try await job.finish(claim) == .notClaimed) }
        #expect(try world.keys() == ["feed.config:work", "feed.publishes:work", "feeds"])
    }

    @Test("operators end claims by the id alone")
    func operators() async throws {
        let ids = try await job.put(all: ["1", "2", "3"])
        #expect(try await job.finish(id: ids[0]) == .notClaimed)
        _ = try await job.get(upTo: 3)
        #expect(try await job.finish(id: ids[0], result: "x") == .done)
        #expect(try await job.cancel(id: ids[1]) == .done)
        #expect(try await job.stall(id: ids[2], token: "1.5") == .lost)
        #expect(try await job.stall(id: ids[2]) == .done)
        let counts = try await job.counts()
        #expect((counts.waiting, counts.claimed, counts.stalled, counts.finishes) == (1, 0, 1, 1))
    }

    @Test("many jobs are claimed and finished in one step, each with a token of its own")
    func batches() async throws {
        try await job.put(all: (1...2500).map { "\($0)" })
        let claims = try await job.get(upTo: 2000)
        // A call claims a thousand at most.
        #expect(claims.count == 1000)
        #expect(Set(claims.map(\.token)).count == 1000)
        #expect(claims.map(\.text) == (1...1000).map { "\($0)" })
        #expect(claims.allSatisfy { !$0.token.hasSuffix(".000") })
        let outcomes = try await job.finish(claims, results: [Array("x".utf8), nil])
        #expect(outcomes.allSatisfy { $0 == .done })
        #expect(try await job.counts().waiting == 1500)
    }

    private func counts(publishes: Int, finishes: Int) -> JobCounts {
        JobCounts(
            waiting: 0, claimed: 0, stalled: 0, missing: 0, items: 0, publishes: publishes, finishes: finishes)
    }
}
