import Glibc
import TestSupport
import Testing

/// `tidings up` as a service, and when what it started is taken away.
struct UpTests {
    @Test("a service manager hears when all is ready, that it is being reloaded, and that it ends")
    func notify() throws {
        let server = try RedisServer()
        let socket = try NotifySocket()
        let up = try TidingsBinary.launch(
            ["up", "--redis", server.url, "--listen", "127.0.0.1:0", "--workers", "1", "--edges", "1"],
            environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": ""])
        try eventually(within: 30, "ready: \(socket.lines); log: \(up.errors)") { socket.lines.contains("READY=1") }
        try eventually(within: 10, "its page: \(up.output)") { up.output.contains("Tidings is running") }
        // As it was called: nothing says that it stands on the path.
        #expect(up.output.contains("  \(try TidingsBinary.path) status --watch"), "\(up.output)")
        try eventually(within: 10, "signs of life: \(socket.lines)") { socket.lines.count { $0 == "WATCHDOG=1" } >= 2 }
        up.send(SIGHUP)
        try eventually(within: 10, "reloading: \(socket.lines)") {
            socket.lines.contains { $0 == "RELOADING=1" } && socket.lines.count { $0 == "READY=1" } == 2
        }
        up.send(SIGTERM)
        #expect(try up.wait(within: 20) == .code(0))
        #expect(socket.lines.contains("STOPPING=1"))
    }

    @Test("a second SIGTERM ends it at once, and the lanes of its workers are free for the next pool")
    func secondTerm() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let configuration = try folder.write(
            "partitions: 1\nlease: 1m\nstages: [{ work: { exec: [sleep, '1000'], timeout: 1h } }]", to: "t.yaml")
        let up = try TidingsBinary.launch([
            "up", "--redis", server.url, "--config", configuration, "--listen", "127.0.0.1:0", "--workers", "1",
            "--edges", "1",
        ])
        try server.cli("RPUSH", "comments:incoming", #"{"thread":"t"}"#)
        try eventually(within: 30, "the program has it; log: \(up.errors)") {
            ProcessTable.descendants(of: up.pid).contains { $0.command.hasPrefix("sleep") }
        }
        up.send(SIGTERM)
        try eventually(within: 10, "the edge is gone") {
            !ProcessTable.descendants(of: up.pid).contains { $0.command.contains(" edge ") }
        }
        #expect(try server.cli("HGET", "{comments.0}:lane:work", "owner") != "")
        up.send(SIGTERM)
        #expect(try up.wait(within: 5) == .code(0))
        #expect(try server.cli("HGET", "{comments.0}:lane:work", "owner") == "")
        #expect(try server.cli("LLEN", "{comments.0}:queue:work") == "1")
    }

    @Test("its redis-server is started again when it is killed, with all that was published, and the rest goes on")
    func embeddedRedis() throws {
        let up = try TidingsUp()
        func published(_ count: Int) throws {
            try eventually(within: 30, "\(count) are published; log: \(up.process.errors)", every: 0.05) {
                try up.redis("ZCARD", "feed.ids:{thread:t}") == "\(count)"
            }
        }
        try up.post([ParsedJSON(parsing: #"{"thread":"t","text":"before"}"#)])
        try published(1)
        let server = try #require(
            ProcessTable.descendants(of: up.process.pid).first { $0.command.hasPrefix("redis-server") })
        let others = Set(up.workers + up.edges)
        kill(server.pid, SIGKILL)
        try eventually(within: 20, "a comment is taken again; log: \(up.process.errors)", every: 0.05) {
            (try? up.post([ParsedJSON(parsing: #"{"thread":"t","id":"b","text":"after"}"#)])) != nil
        }
        try published(2)
        #expect(Set(up.workers + up.edges) == others)
        #expect(up.process.errors.contains("child ended, starting it again"))
    }

    @Test("its redis-server may use half of the machine's memory, or what is said; when that is full the door is shut")
    func embeddedMemory() throws {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) / 2 * sysconf(Int32(_SC_PAGESIZE))
        #expect(try TidingsUp().redis("CONFIG", "GET", "maxmemory").hasSuffix("\n\(machine)"))

        let up = try TidingsUp(arguments: ["--redis-memory", "64MB"])
        #expect(try up.redis("CONFIG", "GET", "maxmemory").hasSuffix("\n\(64 << 20)"))
        // A key larger than the limit is taken while there is room before it.
        _ = try up.redis("SETRANGE", "big", "\(80 << 20)", "x")
        let client = HTTPClient(port: up.port)
        let refused = try client.post("/v1/comments", #"{"thread":"t","id":"a","text":"full"}"#)
        #expect(refused.status == 503)
        #expect(refused[header: "retry-after"] != nil)
        #expect(refused.text.contains("memory"))
        _ = try up.redis("DEL", "big")
        try eventually(within: 20, "the door is open again; log: \(up.process.errors)", every: 0.05) {
            try client.post("/v1/comments", #"{"thread":"t","id":"a","text":"room"}"#).status == 202
        }
        try eventually(within: 20, "it is published; log: \(up.process.errors)", every: 0.05) {
            try up.redis("ZCARD", "feed.ids:{thread:t}") == "1"
        }
        let wrong = try TidingsBinary.run(["up", "--redis-memory", "1MB"])
        #expect(wrong.exit == .code(2))
        #expect(wrong.errors.contains("--redis-memory takes a size of 64MB or more"))
    }
}
