import Foundation
import Supervision
import TestSupport
import Testing

/// The pipeline and the unmodified Python client of Thoonk on one Redis.
@Suite("beside thoonk.py")
struct PythonThoonkTests {
    private let server: RedisServer
    private let python: PythonThoonk
    private let folder: TemporaryFolder

    init() throws {
        server = try RedisServer()
        folder = try TemporaryFolder()
        do {
            python = try PythonThoonk(beside: server)
        } catch is PythonEnvironment.IndexUnreachable {
            guard ProcessInfo.processInfo.environment["CI"] == nil else { throw TestSupportError("pip has no index") }
            try Test.cancel("NOT TESTED: pip cannot reach its index to install \(PythonThoonk.requirement)")
        }
    }

    private func work(_ settings: String) throws -> ChildProcess {
        let file = try folder.write(settings, to: "tidings.yaml")
        return try TidingsBinary.launch(["work", "--workers", "1", "--config", file, "--redis", server.url])
    }

    private static let stages = "stages: [validate, format, route, { publish: { history: 1000 } }]\n"

    /// Reads events until those of one kind for one feed are that many.
    private func hear(_ count: Int, _ kind: String, _ feed: String, from client: PythonThoonkClient) throws
        -> [[String]]
    {
        var heard: [[String]] = []
        while heard.count < count {
            let event = try client.event(within: 20)
            if event[0] == kind, event[1] == feed { heard.append(event) }
        }
        return heard
    }

    @Test("a comment that comes through the pipeline is read from its feed, and heard by the listener")
    func comment() throws {
        let listener = try python.client()
        try listener.listen()
        let reader = try python.client()
        let pool = try work(Self.stages)
        for number in 1...3 {
            _ = try server.cli(
                "RPUSH", "comments:incoming", #"{"thread":"42","id":"c\#(number)","text":"<\#(number)>"}"#)
        }
        try eventually(within: 20, "the feed exists; \(pool.errors)") {
            try server.cli("GET", "feed.publishes:{thread:42}") == "3"
        }
        #expect(try reader.thoonk("feed_exists", "{thread:42}") == 1)
        #expect(try reader.call("feed", "{thread:42}", "get_ids") == ["1", "2", "3"])
        let item = try #require(try reader.call("feed", "{thread:42}", "get_item", "2").string)
        let comment = try ParsedJSON(parsing: item)
        #expect(comment["id"] == "c2" && comment["html"] == "&lt;2&gt;")
        #expect(try reader.call("feed", "{thread:42}", "get_all").object?.count == 3)
        // Its listener hears of the feed by `newfeed` and subscribes then: it may miss what came in that instant.
        for number in 4...5 {
            _ = try server.cli("RPUSH", "comments:incoming", #"{"thread":"42","id":"c\#(number)","text":"x"}"#)
        }
        _ = try hear(1, "create", "{thread:42}", from: listener)
        var ids: [String] = []
        while ids.last != "5" { ids += try hear(1, "publish", "{thread:42}", from: listener).map { $0[3] } }
        #expect(ids.suffix(2) == ["4", "5"])
    }

    @Test("jobs that thoonk.py puts are published, and it hears that they are finished")
    func jobs() throws {
        let listener = try python.client()
        let writer = try python.client()
        try writer.create("job", "posts")
        try listener.listen()
        let pool = try work("doors: [{ job: posts }]\n" + Self.stages)
        let items = (1...100).map { #"{"thread":"7","id":"j\#($0)","text":"hello \#($0)"}"# }
        let ids = try writer.putMany("job", "posts", items)
        // Its listener hears `job.finish` of a job feed.
        let finished = try hear(100, "finish", "posts", from: listener)
        #expect(finished.map { $0[2] } == ids && finished.allSatisfy { $0[3] == "published" }, "\(pool.errors)")
        #expect(try server.cli("GET", "feed.finishes:posts") == "100")
        #expect(try writer.call("job", "posts", "get_ids") == [])
        #expect(try server.cli("GET", "feed.publishes:{thread:7}") == "100")
        // What cannot be a comment is stalled, where thoonk.py can see it and try again.
        let bad = try #require(try writer.call("job", "posts", "put", "no JSON").string)
        try eventually { try server.cli("SMEMBERS", "feed.stalled:posts") == bad }
        try writer.call("job", "posts", "retract", .string(bad))
        #expect(try server.cli("EXISTS", "feed.stalled:posts") == "0")
    }

    @Test("what thoonk.py puts into a queue, and publishes and edits in a feed, is published, in its order")
    func queueAndFeed() throws {
        let writer = try python.client()
        try writer.call("feed", "wall", "publish", #"{"thread":"9","id":"w0","text":"before"}"#)
        let pool = try work("doors: [{ queue: line }, { feed: { name: wall, from: start } }]\n" + Self.stages)
        try writer.putMany("queue", "line", (1...50).map { #"{"thread":"8","id":"q\#($0)","text":"hello \#($0)"}"# })
        for number in 1...20 {
            try writer.call("feed", "wall", "publish", .string(#"{"thread":"9","id":"w\#(number)","text":"hello"}"#))
        }
        try writer.call(
            "feed", "wall", "publish", "{\"thread\":\"9\",\"id\":\"e\",\"text\":\"one\"}", keywords: ["id": "x"])
        try eventually(within: 20, "the feeds are full; \(pool.errors)") {
            try server.cli("MGET", "feed.publishes:{thread:8}", "feed.publishes:{thread:9}") == "50\n22"
        }
        try writer.call(
            "feed", "wall", "publish", "{\"thread\":\"9\",\"id\":\"e\",\"text\":\"two\"}", keywords: ["id": "x"])
        try eventually(within: 20, "the edit has come") { try server.cli("GET", "feed.publishes:{thread:9}") == "23" }
        func published(_ channel: String) throws -> [String] {
            let count = Int(try server.cli("GET", "feed.publishes:\(channel)")) ?? 0
            return try (1...count).map {
                try ParsedJSON(parsing: server.cli("HGET", "feed.items:\(channel)", "\($0)"))["id"]?.string ?? ""
            }
        }
        #expect(try published("{thread:8}") == (1...50).map { "q\($0)" })
        #expect(try published("{thread:9}") == (0...20).map { "w\($0)" } + ["e", "e"])
        #expect(try writer.call("queue", "line", "get_ids") == [])
        #expect(try writer.call("feed", "wall", "get_ids").array?.count == 22)
    }
}
