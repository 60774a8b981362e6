import Glibc
import Supervision
import TestSupport
import Testing

/// Real edges whose limits change while they run.
struct LimitReloadTests {
    private static func edges(of supervisor: ChildProcess) -> [ProcessTable.Entry] {
        ProcessTable.descendants(of: supervisor.pid).filter { $0.command.contains(" edge ") }
    }

    private static func limit(_ name: String, port: UInt16) throws -> String? {
        let start = "tidings_edge_limit{limit=\"\(name)\"} "
        return try HTTPClient(port: port, timeout: 10).get("/metrics").text.split(separator: "\n")
            .first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
    }

    /// Waits until every process that is asked, whichever answers, has a limit.
    private static func waitFor(_ name: String, _ value: String, port: UInt16, _ process: ChildProcess) throws {
        try eventually(within: 30, "\(name) is \(value) everywhere; log: \(process.errors)", every: 0.05) {
            try (0..<20).allSatisfy { _ in try limit(name, port: port) == value }
        }
    }

    /// Starts to read and waits until the stream has begun.
    private static func stream(_ port: UInt16) throws -> HTTPClient {
        let client = HTTPClient(port: port, timeout: 20)
        try client.send(raw: "GET /v1/channels/thread:1?offset=now&live=sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard try client.readHead().status == 200 else { throw TestSupportError("no stream") }
        return client
    }

    @Test("after SIGHUP a lower limit of connections turns newcomers away, in the same processes, and closes no stream")
    func connections() throws {
        let world = try AccessWorld(edge: "hold: 1s\nlimits: { max_connections: 100 }")
        let (edge, port) = try world.launch()
        let before = Self.edges(of: edge).map(\.pid)
        let streams = try (0..<3).map { _ in try Self.stream(port) }
        let kept = HTTPClient(port: port, timeout: 20)
        #expect(try kept.get("/live").status == 200)
        try world.configure("hold: 1s\nlimits: { max_connections: 2 }")
        edge.send(SIGHUP)
        try eventually(within: 20, "newcomers are turned away; log: \(edge.errors)") {
            try HTTPClient(port: port, timeout: 10).get("/live").status == 503
        }
        #expect(try kept.get("/live").status == 200)
        #expect(Self.edges(of: edge).map(\.pid) == before)
        // A wrong file changes nothing, and the log says where it is wrong.
        try world.configure("hold: 1s\nlimits:\n  max_connections: -7")
        edge.send(SIGHUP)
        try eventually(within: 10, "it is told: \(edge.errors)") {
            edge.errors.contains("tidings.yaml:4: edge.limits.max_connections: ")
        }
        #expect(edge.errors.contains("nothing was changed"))
        #expect(try HTTPClient(port: port, timeout: 10).get("/live").status == 503)
        try world.configure("hold: 1s\nlimits: { max_connections: 50 }")
        edge.send(SIGHUP)
        try eventually(within: 20, "there is room again; log: \(edge.errors)") {
            try HTTPClient(port: port, timeout: 10).get("/live").status == 200
        }
        // The streams of the beginning have lived through all of it: what is published now comes through them.
        let told = #"{"thread":"1","text":"still here"}"#
        try world.server.cli("FCALL", "tidings_publish", "0", "thread:1", "100", "60000", told)
        for stream in streams { _ = try stream.readText(upTo: "still here") }
        #expect(Self.edges(of: edge).map(\.pid) == before)
        #expect(!edge.errors.contains("child ended") && !edge.errors.contains("child was replaced"), "\(edge.errors)")
    }

    @Test("a flag and the environment go on counting more than the file after SIGHUP, in every process")
    func precedence() throws {
        let world = try AccessWorld(edge: "limits: { max_channels: 100, url_bytes: 1KB, header_bytes: 4KB }")
        let (edge, port) = try world.launch(
            workers: 2, ["--url-bytes", "2KB"], environment: ["TIDINGS_HEADER_BYTES": "8KB"])
        try Self.waitFor("max_channels", "100", port: port, edge)
        try world.configure("limits: { max_channels: 200, url_bytes: 3KB, header_bytes: 5KB }")
        edge.send(SIGHUP)
        try Self.waitFor("max_channels", "200", port: port, edge)
        try Self.waitFor("url_bytes", "2048", port: port, edge)
        try Self.waitFor("header_bytes", "8192", port: port, edge)
        // An edge that dies is followed by one with the limits of now.
        let victim = try #require(Self.edges(of: edge).first).pid
        kill(victim, SIGKILL)
        try eventually(within: 20, "another one is there") {
            Self.edges(of: edge).count == 2 && !Self.edges(of: edge).map(\.pid).contains(victim)
        }
        try Self.waitFor("max_channels", "200", port: port, edge)
    }

    @Test("another hold replaces the processes, and they have as much more time to end in order")
    func grace() throws {
        let world = try AccessWorld(edge: "hold: 1s\nlimits: { max_channels: 100 }")
        let (edge, port) = try world.launch()
        func isGranted(_ seconds: Int) -> Bool {
            let edges = Self.edges(of: edge)
            return !edges.isEmpty && edges.allSatisfy { $0.command.contains("--grace \(seconds) ") }
        }
        #expect(isGranted(11))
        try world.configure("hold: 20s\nlimits: { max_channels: 200 }")
        edge.send(SIGHUP)
        try eventually(within: 20, "the new process has 30 s; log: \(edge.errors)") { isGranted(30) }
        try Self.waitFor("max_channels", "200", port: port, edge)
        try world.configure("hold: 20s\ndrain: 3s")
        edge.send(SIGHUP)
        try eventually(within: 40, "the new process has 13 s; log: \(edge.errors)") { isGranted(13) }
    }

    @Test(
        "the time to end in order follows flag, environment and file in that order",
        arguments: [
            ([], [:], 15), ([], ["TIDINGS_HOLD": "6"], 16), (["--hold", "7"], ["TIDINGS_HOLD": "6"], 17),
            (["--hold", "7"], ["TIDINGS_DRAIN": "0"], 10), (["--drain", "2"], ["TIDINGS_DRAIN": "0"], 12),
        ] as [([String], [String: String], Int)])
    func seconds(flags: [String], environment: [String: String], expected: Int) throws {
        let world = try AccessWorld(edge: "hold: 5s")
        let (edge, _) = try world.launch(flags, environment: environment)
        #expect(Self.edges(of: edge).map { $0.command.contains("--grace \(expected) ") } == [true])
    }

    @Test("an edge that hangs when it is replaced is killed after the time that it was given, not that of the next one")
    func hanging() throws {
        let world = try AccessWorld(edge: "drain: 0s")
        let (edge, _) = try world.launch()
        let old = try #require(Self.edges(of: edge).first)
        #expect(old.command.contains("--grace 10 "))
        kill(old.pid, SIGSTOP)
        try world.configure("drain: 1h")
        edge.send(SIGHUP)
        try eventually(within: 25, "the old one is gone; log: \(edge.errors)", every: 0.05) {
            Self.edges(of: edge).map { $0.command.contains("--grace 3610 ") } == [true]
        }
        #expect(edge.errors.contains("child was replaced"))
    }

    @Test("tidings up takes the flags of limits and access for its edges, and gives them new limits on SIGHUP")
    func up() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let file = try folder.write("edge: { limits: { max_channels: 100, url_bytes: 1KB } }", to: "tidings.yaml")
        let up = try TidingsBinary.launch([
            "up", "--redis", server.url, "--config", file, "--listen", "127.0.0.1:0", "--workers", "1", "--edges", "2",
            "--url-bytes", "2KB", "--origin", "https://example.org",
        ])
        var port: UInt16 = 0
        try eventually(within: 30, "it says where it is; log: \(up.errors)") {
            let text = up.output
            guard let start = text.firstRange(of: "http://127.0.0.1:") else { return false }
            port = UInt16(text[start.upperBound...].prefix { $0.isNumber }) ?? 0
            return port > 0 && (try? HTTPClient(port: port).get("/ready").status) == 200
        }
        // One that has only just started would be started anew.
        try eventually(within: 30, "the worker and both edges have joined; log: \(up.errors)") {
            try server.cli("ZCARD", "comments:procs") == "3"
        }
        try Self.waitFor("max_channels", "100", port: port, up)
        try Self.waitFor("url_bytes", "2048", port: port, up)
        let foreign = try HTTPClient(port: port).get("/live", headers: ["Origin": "https://example.com"])
        #expect(foreign[header: "Access-Control-Allow-Origin"] == nil)
        let before = Self.edges(of: up).map(\.pid)
        func workers() -> Set<Int32> {
            Set(ProcessTable.descendants(of: up.pid).filter { $0.command.contains(" work ") }.map(\.pid))
        }
        let others = workers()
        try folder.write("edge: { limits: { max_channels: 200, url_bytes: 3KB } }", to: "tidings.yaml")
        up.send(SIGHUP)
        try Self.waitFor("max_channels", "200", port: port, up)
        try Self.waitFor("url_bytes", "2048", port: port, up)
        #expect(Self.edges(of: up).map(\.pid) == before)
        // What workers read of it may be another: their secrets.
        try eventually(within: 20, "the worker is another one; log: \(up.errors)") {
            !workers().isEmpty && workers().isDisjoint(with: others)
        }
        try folder.write("edge:\n  limits: { max_channels: none }", to: "tidings.yaml")
        up.send(SIGHUP)
        try eventually(within: 10, "it is told: \(up.errors)") {
            up.errors.contains("nothing was changed: ")
                && up.errors.contains("tidings.yaml:2: edge.limits.max_channels: 'none' is no whole number")
        }
        try Self.waitFor("max_channels", "200", port: port, up)
        up.send(SIGTERM)
        #expect(try up.wait(within: 20) == .code(0))
    }

    @Test("how often limits were reached stands in the edge's heartbeat, and so in tidings status")
    func status() throws {
        let world = try AccessWorld(edge: "limits: { url_bytes: 100B }")
        let (edge, port) = try world.launch()
        #expect(try HTTPClient(port: port).get("/live?\(String(repeating: "x", count: 200))").status == 414)
        try eventually(within: 15, "it is shown", every: 0.1) {
            let result = try TidingsBinary.run(["status", "--json", "--redis", world.server.url])
            let processes = try ParsedJSON(parsing: result.output)["processes"]?.array ?? []
            return processes.contains { $0["limits"]?.string == "url_bytes=1" }
        }
        withExtendedLifetime(edge) {}
    }
}
