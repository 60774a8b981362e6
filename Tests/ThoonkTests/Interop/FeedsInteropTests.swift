import TestSupport
import Testing
import Thoonk

/// Both sides create, list, configure and delete feeds of every type.
@Suite("feeds of every type shared with thoonk.py")
struct FeedsInteropTests {
    private let world: InteropWorld
    private let python: PythonThoonkClient
    private var client: ThoonkClient { world.client }

    init() throws {
        world = try InteropWorld()
        python = try world.python.client()
    }

    private func handle(_ type: FeedType, _ name: String) -> any FeedHandle {
        switch type {
        case .feed: client.feed(name)
        case .sortedFeed: client.sortedFeed(name)
        case .queue: client.queue(name)
        case .job: client.job(name)
        }
    }

    @Test("a feed that one side has made is there for the other, with its type and configuration")
    func create() async throws {
        for type in FeedType.allCases {
            let (ours, theirs) = (handle(type, "swift \(type)"), handle(type, "ä:\(type)"))
            #expect(try await ours.create(["max_length": "7"]))
            try python.create(type.rawValue, theirs.name, ["max_length": 8])
            #expect(try await !theirs.create(["max_length": "9"]))
            try python.create(type.rawValue, ours.name, ["max_length": 9])
            #expect(try await ours.configuration() == ["type": type.rawValue, "max_length": "7"])
            #expect(try await theirs.configuration() == ["type": type.rawValue, "max_length": "8"])
            #expect(try await theirs.exists())
            #expect(try python.thoonk("feed_exists", .string(ours.name)) == 1)
            try await theirs.configure(["title": "a"])
            try python.thoonk("set_config", .string(ours.name), ["type": .string(type.rawValue), "title": "b"])
            #expect(try await ours.configuration() == ["type": type.rawValue, "max_length": "7", "title": "b"])
            #expect(try world.server.cli("HGET", "feed.config:\(theirs.name)", "title") == "a")
        }
        let feeds = try await client.feeds()
        #expect(feeds.count == 8)
        #expect(Set(feeds.map(\.name)) == Set(try python.thoonk("get_feed_names").strings))
        for feed in feeds {
            let type = try #require(feed.type)
            #expect(feed.name.hasSuffix("\(type)"))
        }
        // A type of thoonk.py alone.
        try python.create("pyqueue", "pickles")
        #expect(try await client.feeds().contains(FeedSummary(name: "pickles", typeName: "pyqueue")))
        #expect(await code { _ = try await client.queue("pickles").put("x") } == .wrongType)
    }

    @Test("a feed that one side deletes is gone for the other, with all its keys", arguments: FeedType.allCases)
    func delete(type: FeedType) async throws {
        let feed = handle(type, "f")
        try await fill(type, bySwift: false)
        #expect(try await feed.exists())
        #expect(try await feed.delete())
        #expect(try world.keys() == [])
        #expect(try python.thoonk("feed_exists", "f") == 0)
        #expect(try python.thoonk("get_feed_names").strings == [])
        try await fill(type, bySwift: true)
        try python.thoonk("delete_feed", "f")
        #expect(try await !feed.exists())
        #expect(try await client.feeds() == [])
        // thoonk.py forgets two keys of a job feed, and does not know of ours.
        #expect(
            try world.keys() == (type == .job ? ["feed.deadlines:f", "feed.finishes:f", "feed.published:f"] : []))
        let failure = try #require(throws: PythonThoonkClient.Failure.self) { try python.thoonk("delete_feed", "f") }
        #expect(failure.exception == "FeedDoesNotExist")
        #expect(try await !feed.delete())
        #expect(try world.keys() == [])
    }

    /// Fills every key of the type.
    private func fill(_ type: FeedType, bySwift: Bool) async throws {
        for number in 1...4 {
            let item = "\(number)"
            switch (type, bySwift) {
            case (.feed, true): try await client.feed("f").publish(item)
            case (.sortedFeed, true): try await client.sortedFeed("f").append(item)
            case (.queue, true): try await client.queue("f").put(item)
            case (.job, true): try await client.job("f").put(item)
            case (.queue, false), (.job, false): try python.call(type.rawValue, "f", "put", .string(item))
            case (_, false): try python.call(type.rawValue, "f", "publish", .string(item))
            }
        }
        guard type == .job else { return }
        let job = client.job("f")
        for verb in ["finish", "stall", "cancel"] {
            let id = try #require(try await job.get()?.id)
            if bySwift {
                switch verb {
                case "finish": try await job.finish(id: id)
                case "stall": try await job.stall(id: id)
                default: try await job.cancel(id: id)
                }
            } else {
                try python.call("job", "f", verb, .string(id))
            }
        }
        #expect(try await job.get() != nil)
    }

    /// Without a type in what it writes, thoonk.py turns whatever feed it is into one of the type `feed`.
    @Test("a queue whose type thoonk.py has overwritten is refused until it is corrected, and has lost nothing")
    func overwritten() async throws {
        let queue = client.queue("line")
        try await queue.put("waits")
        try python.thoonk("set_config", "line", ["title": "x"])
        #expect(try await queue.configuration()["type"] == "feed")
        #expect(await code { _ = try await queue.put("more") } == .wrongType)
        #expect(await code { _ = try await queue.get(timeout: .seconds(5)) } == .wrongType)
        try python.thoonk("set_config", "line", ["type": "queue"])
        #expect(try await queue.get()?.text == "waits")
    }
}
