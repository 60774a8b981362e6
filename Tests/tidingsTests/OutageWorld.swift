import Glibc
import Supervision
import TestSupport
import Testing

/// A Redis with an append-only file, and the real programs around it, for tests in which something is taken away.
///
/// The pipeline is short and keeps all it publishes: what came out can be compared with what went in.
final class OutageWorld {
    let server: RedisServer
    private let folder: TemporaryFolder
    let configuration: String

    init() throws {
        server = try RedisServer(appendOnly: .always)
        folder = try TemporaryFolder()
        configuration = try folder.write(
            "partitions: 4\nlease: 3s\nstages: [validate, route, { publish: { history: 100000 } }]\n",
            to: "tidings.yaml")
    }

    /// Starts `tidings ARGUMENTS` against the server, or against another address of it.
    func launch(_ arguments: String..., over url: String? = nil) throws -> ChildProcess {
        try TidingsBinary.launch(arguments + ["--config", configuration, "--redis", url ?? server.url])
    }

    /// Runs `tidings enqueue` on lines.
    func enqueue(_ lines: String) throws -> CommandResult {
        try TidingsBinary.run(["enqueue", "--config", configuration, "--redis", server.url], input: lines)
    }

    /// The process ids of a pool's workers.
    func workers(of pool: ChildProcess) -> [Int32] {
        ProcessTable.descendants(of: pool.pid).filter { $0.command.contains(" --child ") }.map(\.pid)
    }

    /// How many lanes each owner has; free ones under the empty name.
    func lanes() throws -> [String: Int] {
        var names = ["comments:lane:incoming"]
        for partition in 0..<4 {
            names += ["incoming", "validate", "route", "publish"].map { "{comments.\(partition)}:lane:\($0)" }
        }
        let script = "local r = {} for i, k in ipairs(KEYS) do r[i] = redis.call('HGET', k, 'owner') or '' end return r"
        let owners = try server.cli(["EVAL", script, String(names.count)] + names)
        let lines = owners.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return Dictionary(lines.map { ($0, 1) }, uniquingKeysWith: +)
    }

    /// Waits until every lane is owned, by that many workers.
    func waitForOwners(_ count: Int, within seconds: Double = 20) throws {
        try eventually(within: seconds, "\(count) workers have all lanes", every: 0.03) {
            let lanes = try lanes()
            return lanes[""] == nil && lanes.count == count && (count > 1 || lanes.values.first == 17)
        }
    }

    /// Comments of three threads: `{"thread":"t1","text":"17"}`.
    static func lines(_ numbers: Range<Int>) -> String {
        numbers.map { #"{"thread":"t\#($0 % 3)","text":"\#($0)"}"# + "\n" }.joined()
    }

    /// Waits until the comments with numbers below `count` are published, and expects each once and in order.
    func expectPublished(
        _ count: Int, within seconds: Double = 20, _ note: @autoclosure () -> String = ""
    ) throws {
        func size(_ thread: Int) throws -> Int {
            Int(try server.cli("ZCARD", "feed.ids:{thread:t\(thread)}")) ?? 0
        }
        try eventually(within: seconds, "\(count) comments are published \(note())", every: 0.03) {
            try (0..<3).map(size).reduce(0, +) >= count
        }
        for thread in 0..<3 {
            let script = """
                local r = {}
                for i, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
                  r[i] = cjson.decode(redis.call('HGET', KEYS[2], id)).text
                end
                return r
                """
            let channel = "{thread:t\(thread)}"
            let texts = try server.cli("EVAL", script, "2", "feed.ids:\(channel)", "feed.items:\(channel)")
            #expect(
                texts.split(separator: "\n").compactMap { Int($0) } == Array(stride(from: thread, to: count, by: 3)))
        }
    }

    /// Starts the killed server again, so that it takes a while to load its file; returns when it answers LOADING.
    func restartSlowly(microsecondsAKey: Int) throws -> ChildProcess {
        let folder = server.socket.dropLast("/redis.sock".count)
        let slow = try ChildProcess(
            "redis-server",
            [
                "--port", "0", "--unixsocket", server.socket, "--dir", String(folder), "--save", "", "--appendonly",
                "yes", "--key-load-delay", String(microsecondsAKey), "--loading-process-events-interval-bytes", "1024",
            ])
        try eventually(within: 10, "the server says LOADING", every: 0.02) {
            (try? server.cli("PING"))?.contains("LOADING") == true
        }
        return slow
    }
}
