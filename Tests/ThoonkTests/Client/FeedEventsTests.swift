import TestSupport
import Testing
import Thoonk

@Suite("following feeds")
struct FeedEventsTests {
    private let world: ThoonkWorld
    private var client: ThoonkClient { world.client }

    init() throws {
        world = try ThoonkWorld(options: ThoonkOptions(eventBuffer: 50))
    }

    /// The next events of a stream.
    private func next(_ count: Int, of events: FeedEvents) async -> [FeedEvent] {
        var found: [FeedEvent] = []
        for await event in events {
            found.append(event)
            if found.count == count { break }
        }
        return found
    }

    @Test("a stream has everything that any client does to a feed, in order")
    func everything() async throws {
        let events = try await client.events(of: ["f", "s", "j"])
        let other = try world.another()
        let feed = other.feed("f")
        try await feed.create(maxLength: 1)
        try await other.feed("unfollowed").publish("x")
        try await feed.publish([120, 0, 121], id: "1")
        try await feed.publish("y", id: "1")
        try await feed.publish("z", id: "2")
        let sorted = other.sortedFeed("s")
        try await sorted.append("a")
        try await sorted.publish("b", at: .before("1"))
        try await sorted.move("1", to: .first)
        let job = other.job("j")
        let id = try await job.put("work")
        _ = try await job.get()
        try await job.finish(id: id, result: "done")
        try await feed.configure(["max_length": "5"])
        try await feed.delete()
        let expected: [FeedEvent] = [
            .created(feed: "f"), .configured(feed: "f"),
            .published(feed: "f", id: "1", item: [120, 0, 121]),
            .edited(feed: "f", id: "1", item: Array("y".utf8)),
            .retracted(feed: "f", id: "1"), .published(feed: "f", id: "2", item: Array("z".utf8)),
            .created(feed: "s"), .configured(feed: "s"),
            .published(feed: "s", id: "1", item: Array("a".utf8)), .moved(feed: "s", id: "1", position: .last),
            .published(feed: "s", id: "2", item: Array("b".utf8)), .moved(feed: "s", id: "2", position: .before("1")),
            .moved(feed: "s", id: "1", position: .first),
            .created(feed: "j"), .configured(feed: "j"),
            .finished(feed: "j", id: id, result: Array("done".utf8)),
            .configured(feed: "f"), .deleted(feed: "f"),
        ]
        let found = await next(expected.count, of: events)
        #expect(found == expected)
    }

    @Test("a stream of all feeds misses nothing of a new feed, whatever its name")
    func all() async throws {
        let events = try await client.events()
        let name = "neu [*?] \u{e9}"
        try await world.another().feed(name).publish("first", id: "1")
        let found = await next(3, of: events)
        #expect(
            found == [
                .created(feed: name), .configured(feed: name),
                .published(feed: name, id: "1", item: Array("first".utf8)),
            ])
    }

    @Test("after a lost connection the stream says so and goes on", arguments: ["pubsub", "normal"])
    func cut(kind: String) async throws {
        let events = try await client.events(of: ["f"])
        try world.server.cli("CLIENT", "KILL", "TYPE", kind)
        let feed = try world.another().feed("f")
        if kind == "pubsub" {
            #expect(await next(1, of: events) == [.missed(.reconnected)])
        }
        try await feed.publish("x", id: "1")
        #expect(await next(3, of: events).last == .published(feed: "f", id: "1", item: Array("x".utf8)))
    }

    @Test("a stream goes on after the server was killed and restarted")
    func restart() async throws {
        let events = try await client.events()
        try world.server.kill()
        try world.server.restart()
        #expect(await next(1, of: events) == [.missed(.reconnected)])
        try await client.feed("f").publish("x", id: "1")
        #expect(await next(3, of: events).last == .published(feed: "f", id: "1", item: Array("x".utf8)))
    }

    @Test("a slow consumer learns how many events it missed")
    func slow() async throws {
        let feed = client.feed("f")
        try await feed.create()
        let events = try await client.events(of: ["f"])
        // On the same connection, so that its event comes after all earlier announcements.
        let marker = try await client.events(of: ["marker"])
        for number in 1...101 { try await feed.publish("x", id: "\(number)") }
        try await client.feed("marker").create()
        #expect(await next(1, of: marker) == [.created(feed: "marker")])
        let found = await next(51, of: events)
        #expect(found.prefix(50).map { $0.feed } == Array(repeating: "f", count: 50))
        #expect(found.last == .missed(.tooSlow(dropped: 51)))
    }

    @Test("the subscriptions end when the last copy of a stream is released")
    func released() async throws {
        func subscriptions() throws -> Int {
            // The heartbeat's and the tracking's stay.
            try world.server.cli("PUBSUB", "CHANNELS", "feed.*").split(separator: "\n").count
        }
        do {
            let events = try await client.events(of: ["f"])
            #expect(try subscriptions() == 4)
            _ = events
        }
        try await soon { try subscriptions() == 0 }
    }

    @Test("a stream ends with its client, and for a task that is cancelled")
    func ends() async throws {
        let events = try await client.events(of: ["f"])
        let cancelled = Task { await next(1, of: events) }
        cancelled.cancel()
        #expect(await cancelled.value == [])
        let waiting = Task { await next(1, of: events) }
        await client.close()
        #expect(await waiting.value == [])
        #expect(await code { _ = try await client.events() } == .closed)
    }

    @Test("without a server, following fails after the time-out")
    func unreachable() async throws {
        let alone = try ThoonkClient(
            redis: "unix:///nowhere/redis.sock", options: ThoonkOptions(connectTimeout: .milliseconds(100)))
        #expect(await code { _ = try await alone.events() } == .unreachable)
        await alone.close()
    }
}
