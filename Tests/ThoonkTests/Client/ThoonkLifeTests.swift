import Foundation
import TestSupport
import Testing
import Thoonk

@Suite("the life of a Thoonk client", .serialized)
struct ThoonkLifeTests {
    private let world: ThoonkWorld

    init() throws {
        world = try ThoonkWorld()
    }

    @Test("feeds of all types are made, listed, configured and deleted without a trace")
    func feeds() async throws {
        let client = world.client
        #expect(try await client.feeds() == [])
        try await client.feed("f").publish(all: ["a", "b"])
        try await client.sortedFeed("s").append("a")
        let queue = client.queue("q")
        try await queue.put(all: ["a", "b"])
        let job = client.job("j")
        try await job.create(claimTimeout: .seconds(9))
        let ids = try await job.put(all: ["a", "b", "c", "d", "e"])
        let claims = try await job.get(upTo: 4, claimTimeout: .seconds(60))
        try await job.stall(claims[0])
        try await job.cancel(claims[1])
        try await job.finish(claims[2])
        // A job that another client has taken and not yet claimed.
        try world.server.cli("LREM", "feed.ids:j", "1", ids[4])
        #expect(try await job.maintenance().missing == 1)
        try await queue.configure(["note": "hello"])
        #expect(try await queue.configuration() == ["type": "queue", "note": "hello"])
        #expect(try await job.configuration() == ["type": "job", "claim_timeout": "9000"])
        let listed = try await client.feeds().sorted { $0.name < $1.name }
        #expect(listed.map(\.name) == ["f", "j", "q", "s"])
        #expect(listed.map(\.type) == [.feed, .job, .queue, .sortedFeed])
        #expect(try world.keys().filter { $0.hasSuffix(":j") }.count == 11)
        for handle in [client.feed("f"), client.sortedFeed("s"), queue, job] as [any FeedHandle] {
            #expect(try await handle.exists())
            #expect(try await handle.delete())
            #expect(try await !handle.delete())
            #expect(try await !handle.exists())
        }
        #expect(try world.keys() == [])
        #expect(await code { try await queue.configure(["a": "b"]) } == .noFeed)
    }

    @Test("keys that another client leaves behind when it deletes a job feed are removed by the next delete")
    func leftovers() async throws {
        try world.server.cli("SET", "feed.finishes:j", "5")
        try world.server.cli("ZADD", "feed.published:j", "1", "x")
        try world.server.cli("SADD", "feed.running:j", "x")
        #expect(try await !world.client.job("j").delete())
        #expect(try world.keys() == [])
    }

    @Test("a feed that another client is still creating gets its type from the first client that uses it")
    func halfMade() async throws {
        try world.server.cli("SADD", "feeds", "a", "b")
        #expect(try await world.client.feeds().allSatisfy { $0.type == nil && $0.typeName == "" })
        #expect(try await !world.client.queue("a").create())
        try await world.client.job("b").put("x")
        #expect(try await world.client.job("b").configuration()["type"] == "job")
        #expect(await code { try await world.client.job("a").create() } == .wrongType)
    }

    @Test("a verb of another type is refused with the type's name, and changes nothing")
    func types() async throws {
        let client = world.client
        try await client.queue("x").put("a")
        let before = try await world.digest()
        let feed = client.feed("x")
        let sorted = client.sortedFeed("x")
        let job = client.job("x")
        for verb in [
            { try await feed.publish("b") }, { try await feed.retract("1") }, { _ = try await feed.ids() },
            { _ = try await feed.all() }, { try await sorted.append("b") }, { try await sorted.retract("1") },
            { try await sorted.move("1", to: .first) }, { _ = try await sorted.all() }, { try await job.put("b") },
            { _ = try await job.get(timeout: .zero) }, { _ = try await job.get(timeout: .seconds(5)) },
            { try await job.finish(id: "1") }, { try await job.retry("1") }, { try await job.retract("1") },
            { _ = try await job.counts() }, { _ = try await job.maintenance() }, { _ = try await job.status("1") },
            { try await job.create() }, { try await client.queue("x").configure(["type": "job"]) },
        ] as [() async throws -> Void] {
            do {
                try await verb()
                Issue.record("done to a feed of another type")
            } catch let error as ThoonkError {
                #expect(error.code == .wrongType)
                #expect(error.message.contains("queue"))
            }
        }
        #expect(try await world.digest() == before)
    }

    @Test("a closed client refuses verbs, and waiting ones fail")
    func close() async throws {
        let waiting = Task { try await world.client.queue("q").get() }
        try await soon { try world.calls(of: "llen") > 0 }
        await world.client.close()
        #expect(await code { _ = try await waiting.value } == .closed)
        #expect(await code { try await world.client.queue("q").put("x") } == .closed)
        #expect(await code { _ = try await world.client.queue("q").get(timeout: .seconds(1)) } == .closed)
        await world.client.close()
        try await soon { try !world.server.cli("CLIENT", "LIST").contains("name=thoonk") }
    }

    @Test(
        "a hundred clients, half of them closed and half only released, leave no thread and no connection",
        .timeLimit(.minutes(1)))
    func hundred() async throws {
        let before = descriptors()
        for number in 0..<100 {
            let client = try world.another(ThoonkOptions(name: "thoonk-100"))
            let events = number % 10 == 0 ? try await client.events() : nil
            try await client.queue("q").put("x")
            #expect(try await client.queue("q").get(timeout: .seconds(5))?.text == "x")
            if number % 2 == 0 { await client.close() }
            _ = events
        }
        try await soon { try !world.server.cli("CLIENT", "LIST").contains("name=thoonk-100") }
        // Other tests have threads and descriptors, too; a leak would be of hundreds.
        try await soon { threads() < 60 }
        try await soon { descriptors() < before + 100 }
    }

    private func threads() -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.count { task in
            (try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)) == "thoonk\n"
        }
    }

    private func descriptors() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }
}
