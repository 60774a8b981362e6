import TestSupport
import Testing
import Thoonk

/// Every verb of a feed, done in turn by Swift and by thoonk.py, and read by both.
@Suite("a feed shared with thoonk.py")
struct FeedInteropTests {
    private let world: InteropWorld
    private let feed: Feed
    private let python: PythonThoonkClient

    init() throws {
        world = try InteropWorld()
        feed = world.client.feed("news")
        python = try world.python.client()
    }

    private static let items = ["plain", "", "a\0b ä ☃", #"{"a":[1]}"#, String(repeating: "x", count: 100_000)]

    /// Both sides read what stands in the feed, oldest first.
    ///
    /// thoonk.py writes scores in seconds, the contract says milliseconds, and it reads by the bare score: its order is
    /// right only among items of one side. So its ids are compared without one.
    private func expect(_ content: [(id: String, item: String)], _ comment: Comment) async throws {
        #expect(try await feed.ids() == content.map(\.id), comment)
        #expect(try await feed.all().map(\.text) == content.map(\.item), comment)
        #expect(try await feed.count() == content.count, comment)
        #expect(try Set(python.call("feed", "news", "get_ids").strings) == Set(content.map(\.id)), comment)
        let all = try python.call("feed", "news", "get_all").object ?? [:]
        #expect(all == Dictionary(uniqueKeysWithValues: content.map { ($0.id, ParsedJSON.string($0.item)) }), comment)
    }

    @Test("what one side publishes, edits and retracts is what the other reads, in the order of its time")
    func verbs() async throws {
        var content: [(id: String, item: String)] = []
        for (number, item) in (Self.items + Self.items + ["a", "b"]).enumerated() {
            let isSwift = number % 2 == 0
            let id =
                isSwift
                ? try await feed.publish(item)
                : try #require(try python.call("feed", "news", "publish", .string(item)).string)
            content.append((id, item))
            try await expect(content, "published \(number)")
        }
        // Each side edits an item of the other and one of its own: it moves to the end.
        for (number, place) in [0, 0, 1, 1, 2, 2].enumerated() {
            let (id, item) = (content.remove(at: place).id, "edited \(number)")
            if number % 2 == 0 {
                #expect(try await feed.publish(item, id: id) == id)
            } else {
                try python.call("feed", "news", "publish", .string(item), keywords: ["id": .string(id)])
            }
            content.append((id, item))
            try await expect(content, "edited \(number)")
        }
        #expect(try await feed.publishes() == Self.items.count * 2 + 2 + 6)
        for number in 0..<4 {
            let gone = content.remove(at: number).id
            if number % 2 == 0 {
                #expect(try await feed.retract(gone))
                try python.call("feed", "news", "retract", .string(gone))
            } else {
                try python.call("feed", "news", "retract", .string(gone))
                #expect(try await !feed.retract(gone))
            }
            #expect(try python.call("feed", "news", "get_item", .string(gone)) == .null)
            #expect(try await feed.item(gone) == nil)
            try await expect(content, "retracted \(number)")
        }
        let last = content[content.count - 1]
        #expect(try python.call("feed", "news", "get_item", .string(last.id)) == .string(last.item))
        #expect(try await feed.item(last.id) == Array(last.item.utf8))
    }

    @Test("a length that one side has set holds for both: the oldest fall off, also when one is edited")
    func length() async throws {
        try python.create("feed", "news", ["max_length": 5])
        #expect(try await feed.configuration() == ["type": "feed", "max_length": "5"])
        var content: [(id: String, item: String)] = []
        for number in 1...7 {
            let item = "p\(number)"
            content.append((try #require(try python.call("feed", "news", "publish", .string(item)).string), item))
        }
        content.removeFirst(2)
        try await expect(content, "seven by thoonk.py")
        for number in 1...2 { content.append((try await feed.publish("s\(number)"), "s\(number)")) }
        content.removeFirst(2)
        try await expect(content, "two more by Swift")
        try python.call("feed", "news", "publish", "edited", keywords: ["id": .string(content[4].id)])
        content = Array(content[1..<4]) + [(id: content[4].id, item: "edited")]
        try await expect(content, "one edited by thoonk.py")
        content.append((try await feed.publish("s3"), "s3"))
        try await feed.publish("edited", id: content[4].id)
        content = Array(content[1..<4]) + [(id: content[4].id, item: "edited")]
        try await expect(content, "one edited by Swift")
        try await feed.configure(["max_length": "2"])
        try python.call("feed", "news", "publish", "last", keywords: ["id": "z"])
        #expect(try await feed.count() == 2)
        #expect(try await feed.ids().last == "z")
    }
}
