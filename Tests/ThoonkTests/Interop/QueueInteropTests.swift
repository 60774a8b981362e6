import TestSupport
import Testing
import Thoonk

/// Every verb of a queue, done by both sides and seen by both.
@Suite("a queue shared with thoonk.py")
struct QueueInteropTests {
    private let world: InteropWorld
    private let queue: Queue
    private let python: PythonThoonkClient

    init() throws {
        world = try InteropWorld()
        queue = world.client.queue("line")
        python = try world.python.client()
    }

    /// Both sides see what waits, in the order in which it will be got.
    private func expect(_ ids: [String], _ comment: Comment) async throws {
        #expect(try await queue.ids() == ids, comment)
        #expect(try await queue.count() == ids.count, comment)
        #expect(try python.call("queue", "line", "get_ids").strings == ids.reversed(), comment)
    }

    @Test("what one side puts the other gets, in the order of both, with priority first")
    func verbs() async throws {
        var waiting: [(id: String, item: String)] = []
        for round in 0..<30 {
            let items = ["swift \(round)", "", "p ä\0☃ \(round)", "first \(round)"]
            for item in items.prefix(2) { waiting.append((try await queue.put(item), item)) }
            waiting.append(
                (try #require(try python.call("queue", "line", "put", .string(items[2])).string), items[2]))
            waiting.insert((try await queue.put(items[3], priority: true), items[3]), at: 0)
            try await expect(waiting.map(\.id), "put in round \(round)")
            let many = try await queue.put(all: ["x", "y"])
            waiting += zip(many, ["x", "y"]).map { (id: $0, item: $1) }
            for isSwift in [true, false, round % 2 == 0] {
                let (id, item) = waiting.removeFirst()
                if isSwift {
                    #expect(try await queue.get(timeout: .zero) == FeedItem(id: id, bytes: Array(item.utf8)))
                } else {
                    #expect(try python.call("queue", "line", "get", 1) == .string(item))
                }
            }
            try await expect(waiting.map(\.id), "got in round \(round)")
        }
        #expect(try await queue.get(upTo: 1000).map(\.text) == waiting.map(\.item))
        let failure = try #require(throws: PythonThoonkClient.Failure.self) {
            try python.call("queue", "line", "get", 1)
        }
        #expect(failure.exception == "Empty")
        #expect(try world.server.cli("GET", "feed.publishes:line") == "\(30 * 6)")
        #expect(try world.keys() == ["feed.config:line", "feed.publishes:line", "feeds"])
    }

    @Test("a get of one side that waits is woken by a put of the other")
    func waiting() async throws {
        try await queue.create()
        async let got = queue.get(timeout: .seconds(20))
        try await soon("Swift waits") { try world.server.cli("CLIENT", "LIST").contains("flags=t") }
        let writer = try world.python.client()
        try writer.call("queue", "line", "put", "from thoonk.py")
        let first = try await got
        #expect(first?.text == "from thoonk.py")
        async let heard = onThread { [python] in try python.call("queue", "line", "get", 20) }
        try await soon("thoonk.py waits") { try world.server.cli("CLIENT", "LIST").contains("cmd=brpop") }
        try await queue.put("from Swift")
        let second = try await heard
        #expect(second == "from Swift")
    }

    /// thoonk.py cannot put with priority: it formats the counter's name a second time, and raises before it has written.
    @Test("a put with priority that fails in thoonk.py leaves nothing in the queue")
    func priority() async throws {
        try await queue.put("waits")
        let before = try world.server.cli("GET", "feed.publishes:line")
        let failure = try #require(throws: PythonThoonkClient.Failure.self) {
            try python.call("queue", "line", "put", "first", keywords: ["priority": true])
        }
        #expect(failure.exception == "TypeError")
        #expect(try world.server.cli("GET", "feed.publishes:line") == before)
        #expect(try await queue.get(upTo: 10).map(\.text) == ["waits"])
    }
}
