import TestSupport
import Testing
import Thoonk

/// A key of a feed holds a foreign type. Redis does not roll back, so no verb may stop half-way.
@Suite("a feed with a key of a foreign type")
struct ThoonkForeignKeyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let type: FeedType
        let key: String
        var testDescription: String { "\(type) \(key)" }
    }

    static let cases: [Case] =
        ["config", "ids", "items", "publishes"].flatMap { key in
            FeedType.allCases.map { Case(type: $0, key: key) }
        } + [Case(type: .sortedFeed, key: "idincr")]
        + ["published", "claimed", "cancelled", "stalled", "finishes", "deadlines", "missing"].map {
            Case(type: .job, key: $0)
        }

    @Test("every verb that writes is done or leaves no trace", arguments: cases)
    func trace(test: Case) async throws {
        let world = try ThoonkWorld()
        let client = world.client
        let name = "x"
        let handle: any FeedHandle =
            switch test.type {
            case .feed: client.feed(name)
            case .sortedFeed: client.sortedFeed(name)
            case .queue: client.queue(name)
            case .job: client.job(name)
            }
        try await handle.create()
        let key = "feed.\(test.key):\(name)"
        try world.server.cli("DEL", key)
        // A list where there should be none; a string where there should be a list.
        if test.key == "ids", test.type != .feed {
            try world.server.cli("SET", key, "foreign")
        } else {
            try world.server.cli("RPUSH", key, "foreign")
        }
        let verbs: [() async throws -> Void] =
            switch test.type {
            case .feed: [{ try await client.feed(name).publish("a") }, { try await client.feed(name).retract("a") }]
            case .sortedFeed:
                [
                    { try await client.sortedFeed(name).append("a") },
                    { try await client.sortedFeed(name).retract("1") },
                    { try await client.sortedFeed(name).edit("1", "b") },
                    { try await client.sortedFeed(name).move("1", to: .first) },
                ]
            case .queue:
                [{ try await client.queue(name).put("a") }, { _ = try await client.queue(name).get(timeout: .zero) }]
            case .job:
                [
                    { try await client.job(name).put("a") }, { _ = try await client.job(name).get(timeout: .zero) },
                    { try await client.job(name).finish(id: "a") }, { try await client.job(name).cancel(id: "a") },
                    { try await client.job(name).stall(id: "a") }, { try await client.job(name).retry("a") },
                    { try await client.job(name).retract("a") }, { _ = try await client.job(name).maintenance() },
                    { try await client.job(name).extend(id: "a", by: .seconds(1)) },
                ]
            }
        for verb in verbs {
            let before = try await world.digest()
            let failure = await code(verb)
            #expect(failure == nil || failure == .wrongType)
            if failure != nil { #expect(try await world.digest() == before) }
        }
        // The verb that adds must have failed.
        if test.key != "config" { #expect(await code(verbs[0]) == .wrongType) }
        #expect(try await handle.delete())
        #expect(try world.keys() == [])
    }

    @Test("the set of feeds may be of a foreign type")
    func feeds() async throws {
        let world = try ThoonkWorld()
        try world.server.cli("SET", "feeds", "foreign")
        #expect(await code { try await world.client.queue("q").put("x") } == .wrongType)
        #expect(await code { try await world.client.feed("f").create() } == .wrongType)
        #expect(await code { _ = try await world.client.feeds() } == .wrongType)
        #expect(try world.keys() == ["feeds"])
    }

    @Test("a job whose id is not text is worked like any other")
    func bytes() async throws {
        let world = try ThoonkWorld()
        let job = world.client.job("j")
        try await job.create()
        // redis-cli reads \xff in quotes as a byte.
        let commands = """
            HSET feed.items:j "\\xff\\x00\\xfe" "\\x00\\xff"
            ZADD feed.published:j 1700000000000 "\\xff\\x00\\xfe"
            LPUSH feed.ids:j "\\xff\\x00\\xfe"
            """
        try world.server.cli([], input: commands)
        let claim = try #require(try await job.get(claimTimeout: .milliseconds(30)))
        #expect(claim.bytes == [0, 255])
        let again = try #require(try await job.get(timeout: .seconds(10)))
        #expect(try await job.finish(claim) == .lost)
        #expect(try await job.finish(again) == .done)
        #expect(try await job.counts().items == 0)
    }
}
