import TestSupport
import Testing
import Thoonk

@Suite("a Thoonk feed")
struct FeedClientTests {
    private let world: ThoonkWorld
    private var client: ThoonkClient { world.client }

    init() throws {
        world = try ThoonkWorld()
    }

    @Test("items are published, edited, read and retracted")
    func verbs() async throws {
        let feed = client.feed("news")
        #expect(try await feed.create())
        #expect(try await !feed.create())
        let first = try await feed.publish("one")
        #expect(first.utf8.count == 32)
        #expect(try await feed.publish("two", id: "b") == "b")
        #expect(try await feed.ids() == [first, "b"])
        try await feed.publish("uno", id: first)
        #expect(try await feed.all().map(\.text) == ["two", "uno"])
        #expect(try await feed.item("b") == Array("two".utf8))
        #expect(try await feed.item("c") == nil)
        #expect(try await feed.retract("b"))
        #expect(try await !feed.retract("b"))
        #expect(try await feed.count() == 1)
        #expect(try await feed.publishes() == 3)
    }

    @Test("a full feed drops its oldest items, and an edit in it drops one as well")
    func limit() async throws {
        let feed = client.feed("short")
        try await feed.create(maxLength: 5)
        for number in 1...7 { try await feed.publish("\(number)", id: "\(number)") }
        #expect(try await feed.ids() == ["3", "4", "5", "6", "7"])
        // The contract removes ranks 0 to -max_length, except the item that is published.
        try await feed.publish("six", id: "6")
        #expect(try await feed.ids() == ["4", "5", "7", "6"])
        try await feed.configure(["max_length": "0"])
        try await feed.publish(all: ["a", "b", "c"])
        #expect(try await feed.count() == 7)
    }

    @Test("items scored in seconds by another client are ordered by their time, and removed first when they are older")
    func seconds() async throws {
        let feed = client.feed("mixed")
        try await feed.create(maxLength: 3)
        try world.server.cli("ZADD", "feed.ids:mixed", "1700000000.5", "old")
        try world.server.cli("HSET", "feed.items:mixed", "old", "item")
        try world.server.cli("ZADD", "feed.ids:mixed", "1600000000000", "older")
        try world.server.cli("HSET", "feed.items:mixed", "older", "item")
        try await feed.publish("new", id: "new")
        #expect(try await feed.ids() == ["older", "old", "new"])
        try await feed.publish("newer", id: "newer")
        #expect(try await feed.ids() == ["old", "new", "newer"])
        #expect(try await feed.all().map(\.id) == ["old", "new", "newer"])
    }

    @Test("the feed of a pipeline's channel gives out sequence numbers and refuses ids")
    func sequenced() async throws {
        let feed = client.feed("{thread:42}")
        try await feed.create(["born": "1700000000000", "max_length": "2"])
        #expect(try await feed.publish("a") == "1")
        #expect(try await feed.publish(all: ["b", "c"]) == ["2", "3"])
        #expect(try await feed.ids() == ["2", "3"])
        #expect(await code { try await feed.publish("d", id: "9") } == .sequenced)
        #expect(try await feed.publish("d") == "4")
    }

    @Test("the birth of a channel's feed is written down when it is deleted: positions from before have missed it")
    func deleted() async throws {
        let world = try ThoonkWorld()
        for (born, latest) in [(1_700_000_000_000, 1_700_000_000_000), (1_600_000_000_000, 1_700_000_000_000)] {
            let feed = world.client.feed("{thread:42}")
            try await feed.create(["born": "\(born)"])
            try await feed.publish("a")
            try await feed.delete()
            #expect(try world.lines("HMGET", "feed.swept", "time", "born") == ["\(latest + 1)", "\(latest)"])
        }
        try await world.client.feed("plain").publish("a")
        try await world.client.feed("plain").delete()
        #expect(try world.keys() == ["feed.swept"])
    }

    @Test("a channel's feed says up to which number it was cut, whoever cuts it")
    func floor() async throws {
        let feed = client.feed("{thread:42}")
        try await feed.create(["born": "1700000000000", "max_length": "2", "floor": "0"])
        try await feed.publish(all: ["a", "b"])
        #expect(try await feed.configuration()["floor"] == "0")
        try await feed.publish(all: ["c", "d", "e"])
        #expect(try await feed.ids() == ["4", "5"])
        #expect(try await feed.configuration()["floor"] == "3")
    }

    @Test(
        "an id may hold any bytes except NUL; items may hold anything",
        arguments: [
            "", "a b", "feed.ids:x", "é", "huge", "1\n2", "nil",
        ])
    func hostile(id: String) async throws {
        let feed = client.feed("héllo \u{1}world")
        let id = id == "huge" ? String(repeating: "x", count: 70_000) : id
        let item: [UInt8] = [0, 255, 254, 0, 13, 10]
        try await feed.publish(item, id: id)
        try await feed.publish([UInt8](), id: id + "x")
        #expect(try await feed.all().map(\.bytes) == [item, []])
        #expect(try await feed.ids() == [id, id + "x"])
        #expect(await code { try await feed.publish("x", id: "a\0b") } == .invalid)
    }
}
