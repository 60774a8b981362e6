import Glibc
import TestSupport
import Testing

/// The histories of kinds of channels in a whole Tidings, and their change while it runs.
@Suite("kinds of channels, from the configuration to the reader", .serialized)
struct HistoryReloadTests {
    private static let stages = "stages: [validate, format, route, { publish: { history: "

    @Test("each kind keeps what the configuration says, and SIGHUP changes it without a loss")
    func reload() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.stages + "{ thread: 3/1h, forum: none } } }]\n", to: "tidings.yaml")
        let up = try TidingsBinary.launch([
            "up", "--redis", server.url, "--config", file, "--listen", "127.0.0.1:0", "--workers", "1", "--edges", "1",
        ])
        var port: UInt16 = 0
        try eventually(within: 30, "it says where it is; log: \(up.errors)") {
            guard let start = up.output.firstRange(of: "http://127.0.0.1:") else { return false }
            port = UInt16(up.output[start.upperBound...].prefix { $0.isNumber }) ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
        }
        let client = HTTPClient(port: port)
        func texts(_ channel: String, _ offset: String = "-1") throws -> [String] {
            try client.get("/v1/channels/\(channel)?offset=\(offset)").json.array?.compactMap {
                ($0["html"] ?? $0["type"])?.string
            } ?? []
        }
        func send(_ id: String, _ text: String, type: String = "comment.created") throws {
            try server.cli(
                "RPUSH", "comments:incoming",
                #"{"thread":"1","forum":"f","author":{"id":"7"},"id":"\#(id)","type":"\#(type)","text":"\#(text)"}"#)
        }
        try send("c", "one")
        try eventually(within: 20, "it is published; log: \(up.errors)") { try texts("post:c") == ["one"] }
        let offset = try #require(
            try client.get("/v1/channels/post:c?offset=-1")[header: "Stream-Next-Offset"])
        try send("c", "two", type: "comment.edited")
        try eventually(within: 20, "the edit is the state") { try texts("post:c") == ["two"] }
        #expect(try texts("post:c", offset) == ["two"])
        for number in 1...4 { try send("d\(number)", "more \(number)") }
        try eventually(within: 20, "the thread has its last three") {
            try texts("thread:1") == ["more 2", "more 3", "more 4"]
        }
        #expect(try texts("forum:f").isEmpty)
        #expect(try server.cli("KEYS", "feed.*{forum:f}") == "feed.state:{forum:f}")
        #expect(try server.cli("KEYS", "feed.*{post:c}") == "feed.state:{post:c}")
        #expect(try server.cli("HGET", "feed.config:{thread:1}", "age") == "3600000")
        #expect(try server.cli("HGET", "feed.config:{user:7}", "max_length") == "100")

        func workers() -> Set<Int32> {
            Set(ProcessTable.descendants(of: up.pid).filter { $0.command.contains(" work ") }.map(\.pid))
        }
        try eventually(within: 30, "worker and edge have joined") { try server.cli("ZCARD", "comments:procs") == "2" }
        let before = workers()
        try folder.write(Self.stages + "{ thread: 5/2h, forum: 10, post: 10 } } }]\n", to: "tidings.yaml")
        up.send(SIGHUP)
        try eventually(within: 30, "the worker is another one; log: \(up.errors)") {
            !workers().isEmpty && workers().isDisjoint(with: before)
        }
        try send("c", "three", type: "comment.edited")
        try eventually(within: 20, "posts and forums have feeds now; log: \(up.errors)") {
            try server.cli("EXISTS", "feed.items:{post:c}", "feed.items:{forum:f}") == "2"
        }
        #expect(try server.cli("GET", "feed.publishes:{post:c}") == "3", "the numbers go on")
        #expect(try texts("forum:f") == ["three"])
        #expect(try server.cli("HMGET", "feed.config:{thread:1}", "max_length", "age") == "5\n7200000")
        try folder.write(Self.stages + "{ thread: 0 } } }]\n", to: "tidings.yaml")
        up.send(SIGHUP)
        try eventually(within: 10, "it is told: \(up.errors)") {
            up.errors.contains("stages.publish.history.thread: '0' is out of range")
        }
        up.send(SIGTERM)
        #expect(try up.wait(within: 30) == .code(0))
    }
}
