import TestSupport
import Testing
import Thoonk

@Suite("maintenance of a job feed")
struct MaintenanceTests {
    private let world: ThoonkWorld
    private let job: Job

    init() throws {
        world = try ThoonkWorld()
        job = world.client.job("j")
    }

    /// The first half of the get of another client, which then crashes.
    private func popped() throws -> String {
        try world.server.cli("RPOP", "feed.ids:j")
    }

    /// Waits until the jobs that are missing now have been missing for that long, by the server's clock.
    private func missing(for milliseconds: Double) async throws {
        let since = Double(try world.lines("ZRANGE", "feed.missing:j", "0", "-1", "WITHSCORES").last ?? "") ?? 0
        try await soon("the jobs are missing for \(milliseconds) ms") {
            let time = try world.lines("TIME").compactMap { Double($0) }
            return time[0] * 1000 + time[1] / 1000 > since + milliseconds
        }
    }

    @Test("a job that was taken and never claimed is put back after it was missing for the grace time")
    func lost() async throws {
        try await job.put(all: ["a", "b"])
        let id = try popped()
        #expect(try await job.status(id).state == .missing)
        #expect(try await job.maintenance(grace: .seconds(60)) == report(missing: 1))
        #expect(try await job.maintenance(grace: .seconds(60)) == report(missing: 1))
        #expect(try await job.waiting().count == 1)
        try await missing(for: 50)
        #expect(try await job.maintenance(grace: .milliseconds(50)) == report(putBack: 1))
        #expect(try await job.waiting().last == id)
        #expect(try await job.maintenance(grace: .milliseconds(50)) == report())
        #expect(try world.server.cli("EXISTS", "feed.missing:j") == "0")
    }

    @Test("a job that is just being taken is left alone, and one that turns up elsewhere is forgotten")
    func taking() async throws {
        try await job.put(all: ["a", "b", "c"])
        let ids = try (0..<3).map { _ in try popped() }
        #expect(try await job.maintenance(grace: .zero).missing == 3)
        // The other client claims them; one is finished and one stalled meanwhile.
        for id in ids { try world.server.cli("ZADD", "feed.claimed:j", "1700000000000", id) }
        try await job.finish(id: ids[0])
        try await job.stall(id: ids[1])
        try await missing(for: 50)
        #expect(try await job.maintenance(grace: .milliseconds(50)) == report())
        #expect(try await job.waiting() == [])
        #expect(try await job.counts().missing == 0)
    }

    @Test("a job that another client's maintenance has doubled is worked once")
    func doubled() async throws {
        let id = try await job.put("a")
        let claim = try #require(try await job.get())
        try world.server.cli("LPUSH", "feed.ids:j", id, id)
        #expect(try await job.get(timeout: .zero) == nil)
        #expect(try await job.finish(claim) == .done)
        try world.server.cli("LPUSH", "feed.ids:j", id)
        #expect(try await job.get(timeout: .zero) == nil)
    }

    @Test("claims of another client expire only if the feed says so, counted from when they are first seen")
    func foreignClaims() async throws {
        try await job.put("a")
        let id = try popped()
        try world.server.cli("ZADD", "feed.claimed:j", "1700000000000", id)
        #expect(try await job.maintenance(grace: .zero) == report())
        #expect(try await job.status(id).claimEnds == nil)
        try await job.configure(["claim_timeout": "60000"])
        #expect(try await job.maintenance(grace: .zero) == report())
        let left = try #require(try await job.status(id).claimEnds)
        #expect(left > .seconds(30))
        // The other client claims it anew: that is another claim, with its own time.
        try world.server.cli("ZADD", "feed.claimed:j", "1700000000001", id)
        #expect(try await job.status(id).claimEnds == nil)
        try overdue()
        #expect(try await job.maintenance(grace: .zero) == report())
        #expect(try await job.status(id).claimEnds != nil)
        try overdue()
        #expect(try await job.maintenance(grace: .zero) == report(takenBack: 1))
        #expect(try await job.get(timeout: .zero)?.cancelled == 1)
    }

    /// Makes all claims overdue.
    private func overdue() throws {
        try world.server.cli(
            "EVAL",
            """
            for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 1, entry) end
            """, "1", "feed.deadlines:j")
    }

    @Test("a claim of another client fences ours")
    func fenced() async throws {
        let id = try await job.put("a")
        let claim = try #require(try await job.get())
        try world.server.cli("ZADD", "feed.claimed:j", "1700000000000", id)
        #expect(try await job.finish(claim) == .lost)
        #expect(try await job.finish(id: id) == .done)
    }

    @Test("in a long list lost jobs are found in bounded steps, though many jobs were put back or put first")
    func long() async throws {
        try await job.put(all: (0..<3000).map { "\($0)" })
        let lost = try (0..<5).map { _ in try popped() }
        let claims = try await job.get(upTo: 200)
        for claim in claims.prefix(100) { try await job.cancel(claim) }
        try await job.put(all: (0..<100).map { "first \($0)" }, priority: true)
        #expect(try await job.maintenance(grace: .milliseconds(30)).missing == 5)
        try await missing(for: 30)
        #expect(try await job.maintenance(grace: .milliseconds(30)).putBack == 5)
        #expect(Set(try await job.waiting().suffix(5)) == Set(lost))
        let counts = try await job.counts()
        #expect((counts.waiting, counts.claimed, counts.items) == (3000, 100, 3100))
        #expect(Set(try await job.waiting()).count == 3000)
    }

    @Test("foreign entries do no harm")
    func garbage() async throws {
        try await job.put("a")
        try world.server.cli("ZADD", "feed.deadlines:j", "1", "nonsense", "1", "1.5")
        try world.server.cli("ZADD", "feed.missing:j", "1", "nobody")
        try world.server.cli("HSET", "feed.config:j", "claim_timeout", "soon")
        #expect(try await job.maintenance(grace: .zero) == report())
        #expect(try await job.get(timeout: .zero)?.text == "a")
    }

    private func report(putBack: Int = 0, takenBack: Int = 0, missing: Int = 0) -> MaintenanceReport {
        MaintenanceReport(putBack: putBack, takenBack: takenBack, missing: missing)
    }
}
