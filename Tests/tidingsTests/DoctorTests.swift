import Supervision
import TestSupport
import Testing

/// The command `tidings doctor`. What it finds and repairs is tested with Diagnostics.
struct DoctorTests {
    private let server: RedisServer

    init() throws {
        server = try RedisServer(
            appendOnly: .everysec, arguments: ["--maxmemory", "256mb", "--maxmemory-policy", "noeviction"])
        let events = (0..<20).map { #"{"thread":"t\#($0)","text":"number \#($0)"}"# }.joined(separator: "\n")
        let result = try TidingsBinary.run(["enqueue", "--redis", server.url], input: events)
        guard result.succeeded else { throw TestSupportError("enqueue failed: \(result.errors)") }
    }

    private func doctor(_ arguments: String...) throws -> CommandResult {
        try TidingsBinary.run(["doctor", "--redis", server.url] + arguments)
    }

    /// The ids of the checks that came to a state.
    private func checks(_ json: ParsedJSON, in state: String) -> [String] {
        (json["checks"]?.array ?? []).filter { $0["state"]?.string == state }.compactMap { $0["id"]?.string }
    }

    @Test("a pipeline at work has no faults and no warnings")
    func healthy() throws {
        let work = try TidingsBinary.launch(["work", "--workers", "2", "--redis", server.url])
        let edge = try TidingsBinary.launch(
            ["edge", "--workers", "1", "--redis", server.url, "--listen", "127.0.0.1:0"])
        try eventually(within: 30, "all events are published, and three processes beat") {
            try server.cli("SCARD", "feeds") == "20" && server.cli("ZCARD", "comments:procs") == "3"
        }
        #expect(try server.cli("KEYS", "feed.state:{post:*}").split(separator: "\n").count == 20)
        let result = try doctor("--json")
        #expect(result.exit == .code(0))
        let report = try ParsedJSON(parsing: result.output)
        #expect(checks(report, in: "fault") == [], "\(report)")
        // A busy host answers slowly, has little memory, or has just seen a slow command.
        let excused = [
            "redis-latency", "redis-slow-commands", "process-round-trip", "system-memory", "system-disk",
            "system-open-files",
        ]
        #expect(checks(report, in: "warning").filter { !excused.contains($0) } == [], "\(report)")
        let text = try doctor("--verbose")
        #expect(text.exit == .code(0))
        #expect(text.output.contains("the counters of all 49 lanes add up [lane-balance]"), "\(text.output)")
        #expect(text.output.contains("every owner lives [lane-owner]"), "\(text.output)")
        #expect(!text.output.contains("\u{1B}"))
        for process in [work, edge] { process.send(15) }
        for process in [work, edge] { try process.wait(within: 20) }
    }

    @Test("without --fix it writes nothing; --fix prints what it repaired; a fault that stays is exit 1")
    func fixed() throws {
        try server.cli("SADD", "feeds", "{thread:none}")
        #expect(try doctor().exit == .code(0))
        #expect(try server.cli("SISMEMBER", "feeds", "{thread:none}") == "1")
        try server.cli("HINCRBY", "{comments.3}:lane:validate", "in", "2")
        let result = try doctor("--fix")
        #expect(result.exit == .code(1), "the counter stays wrong: \(result.errors)")
        #expect(result.output.contains("fixed: removed {thread:none} from feeds"), "\(result.output)")
        #expect(try server.cli("SISMEMBER", "feeds", "{thread:none}") == "0")
        let after = try doctor("--json")
        #expect(after.exit == .code(1))
        #expect(checks(try ParsedJSON(parsing: after.output), in: "fault") == ["lane-balance"])
    }

    @Test("limits of feeds and keys are flags, --all lifts them")
    func limits() throws {
        try server.cli("EVAL", "for i = 1, 50 do redis.call('SADD', 'feeds', 'foreign' .. i) end", "0")
        #expect(try doctor("--feeds", "7").output.contains("7 of 50 feeds looked at"))
        #expect(try doctor("--all", "--feeds", "7").output.contains("all 50 feeds looked at"))
        #expect(try doctor("--feeds", "0").exit == .code(2))
    }

    @Test("no Redis is exit 75")
    func unreachable() throws {
        let nowhere = try TidingsBinary.run(["doctor", "--redis", "unix:///nowhere/redis.sock"])
        #expect(nowhere.exit == .code(75))
        #expect(nowhere.errors.contains("cannot reach Redis"))
    }
}
