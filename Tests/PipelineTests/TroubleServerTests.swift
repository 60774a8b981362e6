import Foundation
import Pipeline
import Redis
import Store
import TestSupport
import Testing

/// A server that answers, but with errors: workers wait and go on when it is well again.
@Suite("a Redis that refuses")
struct TroubleServerTests {
    @Test("a server that is killed and takes long to load its file is waited for")
    func loading() throws {
        let pool = try WorkerPool.inTrouble(appendOnly: .always)
        try pool.startAlone()
        let fill = "for i = 1, 8000 do redis.call('SET', 'filler:' .. i, i) end"
        try pool.redis.ask("EVAL", fill, "0")
        let folder = try #require(try pool.server.cli("CONFIG", "GET", "dir").split(separator: "\n").last)
        var refusals: Set<RedisError.Code> = []
        pool.redis.connection.onAttemptFailed = { refusals.insert($0.code) }
        var slow: TestSupport.ChildProcess?
        try pool.expectRecovery(within: 5) {
            try pool.server.kill()
            slow = try TestSupport.ChildProcess(
                "redis-server",
                [
                    "--port", "0", "--unixsocket", pool.server.socket, "--dir", String(folder), "--save", "",
                    "--appendonly", "yes", "--key-load-delay", "80", "--loading-process-events-interval-bytes", "1024",
                ])
            try pool.runner.run(within: 10, "the server says LOADING") { refusals.contains(.loading) }
        }
        slow?.kill()
    }

    @Test("a server that becomes a replica for a while is left, and worked with when it is a master again")
    func readOnly() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        try pool.expectRecovery(within: 5) {
            try pool.server.cli("REPLICAOF", "127.0.0.1", "1")
            #expect(try pool.redis.error("SET", "x", "y")?.code == .readOnly)
            try pool.standStill(for: 0.6)
            try pool.server.cli("REPLICAOF", "NO", "ONE")
        }
    }

    @Test("an address that leads to another server after a failover is followed, though the old one still answers")
    func failover() throws {
        let pool = try WorkerPool.inTrouble()
        let proxy = try SlowProxy(to: pool.server.socket)
        let worker = try pool.startAlone("w1", over: try RedisAddress(url: proxy.url))
        let before = proxy.accepted
        try pool.server.cli("REPLICAOF", "127.0.0.1", "1")
        try pool.runner.run(within: 10, "the worker has looked for another server") { proxy.accepted > before }
        try pool.server.cli("REPLICAOF", "NO", "ONE")
        try pool.push(0..<10)
        try pool.published(10, within: 5)
        worker.stop {}
    }

    @Test("a server that lacks the replicas it must have is waited for")
    func noReplicas() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        try pool.expectRecovery(within: 5) {
            try pool.server.cli("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try pool.redis.error("SET", "x", "y")?.code == .misconfigured)
            try pool.standStill(for: 0.4)
            try pool.server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
        }
    }

    @Test("a server that cannot write its snapshot and refuses writes is waited for")
    func misconfigured() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        let folder = try #require(try pool.server.cli("CONFIG", "GET", "dir").split(separator: "\n").last)
        // A folder stands where the snapshot is to be: no privilege helps against that.
        let snapshot = "\(folder)/dump.rdb"
        func save(expecting status: String) throws {
            try pool.server.cli("BGSAVE")
            try pool.runner.run(within: 10, "the snapshot: \(status)") {
                let info = try pool.server.cli("INFO", "persistence")
                return info.contains("rdb_bgsave_in_progress:0")
                    && info.contains("rdb_last_bgsave_status:\(status)")
            }
        }
        try pool.expectRecovery(within: 5) {
            try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: false)
            try pool.server.cli("CONFIG", "SET", "save", "3600 1")
            try save(expecting: "err")
            #expect(try pool.redis.error("SET", "x", "y")?.code == .misconfigured)
            try pool.standStill(for: 0.3)
            try FileManager.default.removeItem(atPath: snapshot)
            try save(expecting: "ok")
        }
    }

    @Test(
        "a server that is busy with a stranger's endless script is waited for until somebody kills the script",
        arguments: ["SCRIPT", "FUNCTION"])
    func busy(_ kind: String) throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        try pool.server.cli("CONFIG", "SET", "busy-reply-threshold", "20")
        try pool.redis.ask(
            "FUNCTION", "LOAD",
            "#!lua name=endless\nredis.register_function('endless', function() while true do end end)")
        let call = kind == "SCRIPT" ? ["EVAL", "while true do end", "0"] : ["FCALL", "endless", "0"]
        try pool.expectRecovery(within: 5) {
            let stranger = try TestSupport.ChildProcess("redis-cli", ["-s", pool.server.socket] + call)
            try pool.runner.run(within: 10, "the server is busy") {
                try pool.redis.error("PING")?.code == .busy
            }
            pool.runner.run(for: 0.5)
            try pool.server.cli(kind, "KILL")
            try stranger.wait(within: 5)
        }
    }

    @Test("functions that vanish in full flow are loaded again at once, not only at the next heartbeat")
    func flushed() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        try pool.expectRecovery(within: 1) {
            try pool.redis.ask("FUNCTION", "FLUSH")
            try pool.redis.ask("SCRIPT", "FLUSH")
        }
    }

    @Test("an older library of functions is replaced, both by who misses one and by who looks")
    func older() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        func version() throws -> Int64? { try pool.redis.ask("FCALL_RO", "tidings_version", "0").integer }
        try pool.expectRecovery(within: 2) {
            try pool.load(version: 0, keeping: false)
        }
        #expect(try version() == FunctionLibrary.tidings.version)

        let client = try RedisClient(pool.server, on: pool.runner)
        let session = PipelineSession(
            on: pool.runner.loop, connection: client.connection, layout: pool.layout, logger: .silent)
        client.connection.reconnect(because: "the session has to greet")
        try pool.runner.run(within: 5, "the session stands") { session.isReady }
        try pool.load(version: 0, keeping: true)
        #expect(try version() == 0)
        session.verify()
        try pool.runner.run(within: 5, "our own is back") { try version() == FunctionLibrary.tidings.version }
    }

    @Test("a newer library of functions is left alone by older processes, and serves them")
    func newer() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        try pool.expectRecovery(within: 5) {
            try pool.load(version: 999, keeping: true)
            try pool.server.cli("CLIENT", "KILL", "TYPE", "normal")
            try pool.runner.run(within: 5, "the test noticed") { !pool.redis.connection.isReady }
        }
        #expect(try pool.redis.ask("FCALL_RO", "tidings_version", "0").integer == 999)
    }

    @Test("a server without memory lets nothing in, says so, and is drained; nothing that is in is lost")
    func outOfMemory() throws {
        let pool = try WorkerPool.inTrouble()
        try pool.startAlone()
        var refusal: PipelineError?
        try pool.expectRecovery(within: 5) {
            try pool.redis.ask("CONFIG", "SET", "maxmemory", "1")
            let enqueuer = Enqueuer(layout: pool.layout, limits: pool.limits, connection: pool.redis.connection)
            enqueuer.enqueue([0: [Array(#"{"thread":"0","n":-1}"#.utf8)]]) {
                if case .failure(let error) = $0 { refusal = error }
            }
            for thread in 0..<3 { try pool.published(400, thread: thread, within: 5) }
            try pool.redis.ask("CONFIG", "SET", "maxmemory", "0")
        }
        #expect(refusal?.code == .full)
        #expect(refusal?.message.contains("out of memory") == true)
    }
}

extension WorkerPool {
    /// Puts another version of the library into the server, as another process or a person would.
    ///
    /// - Parameter keeping: whether it has the functions of today; else only the one that tells its version.
    fileprivate func load(version: Int64, keeping: Bool) throws {
        let today = String(decoding: FunctionLibrary.tidings.source, as: UTF8.self)
        let line = "local VERSION = \(FunctionLibrary.tidings.version)\n"
        try #require(today.contains(line))
        let bare = """
            #!lua name=tidings
            redis.register_function{function_name='tidings_version', callback=function() return \(version) end,
              flags={'no-writes'}}
            """
        let other = keeping ? today.replacingOccurrences(of: line, with: "local VERSION = \(version)\n") : bare
        try redis.ask("FUNCTION", "LOAD", "REPLACE", other)
    }
}
