import Foundation
import Glibc
import Supervision
import TestSupport
import Testing

/// What a supervisor does for children that are alive but not well, and what it tells a service manager.
struct PoolSupervisionTests {
    private func start(
        _ server: RedisServer, _ flags: String..., environment: [String: String] = [:]
    ) throws -> ChildProcess {
        let pool = try TidingsBinary.launch(
            ["work", "--workers", "2", "--redis", server.url] + flags, environment: environment)
        try eventually(within: 20, "two workers have joined; log: \(pool.errors)") {
            try server.cli("ZCARD", "comments:procs") == "2"
        }
        return pool
    }

    private func workers(_ pool: ChildProcess) -> Set<Int32> {
        Set(ProcessTable.descendants(of: pool.pid).filter { $0.command.contains(" --child ") }.map(\.pid))
    }

    /// Waits until a worker of the pool has handed its batch to the stage's program, which sleeps.
    private func waitForProgram(of pool: ChildProcess) throws {
        try eventually(within: 10, "the program has them; log: \(pool.errors)") {
            ProcessTable.descendants(of: pool.pid).contains { $0.command.hasPrefix("sleep") }
        }
    }

    @Test("a worker with too much memory is replaced, one after the other, and nothing is lost meanwhile")
    func memory() throws {
        let server = try RedisServer()
        let pool = try start(server, "--max-memory", "1MB")
        let before = workers(pool)
        let events = (0..<200).map { #"{"thread":"t\#($0 % 7)","text":"\#($0)"}"# }
        // In pieces, so that some come while a worker is being replaced.
        for start in stride(from: 0, to: events.count, by: 20) {
            try server.cli(["RPUSH", "comments:incoming"] + events[start..<start + 20])
        }
        try eventually(within: 20, "both were replaced; log: \(pool.errors)") {
            workers(pool).isDisjoint(with: before)
        }
        #expect(pool.errors.contains("more than 1024"))
        // A replaced child does not count as a death.
        #expect(!pool.errors.contains("child ended, starting it again"), "\(pool.errors)")
        let sizes = "local n = 0 for _, k in ipairs(KEYS) do n = n + redis.call('ZCARD', k) end return n"
        try eventually(within: 20, "all are published") {
            try server.cli(["EVAL", sizes, "7"] + (0..<7).map { "feed.ids:{thread:t\($0)}" }) == "200"
        }
    }

    @Test("a worker that is too old is replaced by another one")
    func age() throws {
        let server = try RedisServer()
        let pool = try start(server, "--max-age", "1s")
        let before = workers(pool)
        try eventually(within: 20, "both were replaced; log: \(pool.errors)") {
            workers(pool).count == 2 && workers(pool).isDisjoint(with: before)
        }
        #expect(pool.errors.contains("s old, older than 1"))
        #expect(!pool.errors.contains("child ended, starting it again"), "\(pool.errors)")
    }

    @Test("SIGTERM while a program has a batch: what it says is committed, it was asked once, and the pool ends with 0")
    func termOverBatch() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        // It takes a second to answer the first line, and notes each line that it was asked.
        let program = try folder.write(
            "sleep 1\nwhile read -r line; do echo \"$line\" >>\(folder.file("asked")); echo \"$line\"; done\n",
            to: "program.sh")
        try folder.write(
            "partitions: 1\nstages: [{ work: { exec: [sh, \(program)], timeout: 10s, line_numbers: false } }, "
                + "{ last: { pass: true } }]",
            to: "t.yaml")
        let pool = try start(server, environment: ["TIDINGS_CONFIG": folder.file("t.yaml")])
        let events = (0..<20).map { #"{"thread":"t","text":"\#($0)"}"# }
        try server.cli(["RPUSH", "{comments.0}:queue:work"] + events)
        try waitForProgram(of: pool)
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
        let lines = folder.read("asked").split(separator: "\n").map(String.init)
        #expect(try server.cli("HGET", "{comments.0}:lane:work", "out") == String(lines.count))
        #expect(lines == Array(events.prefix(lines.count)) && !lines.isEmpty)
        #expect(try server.cli("LLEN", "{comments.0}:queue:work") == String(20 - lines.count))
    }

    @Test("SIGTERM over a batch that takes too long: the pool ends in time with 0, and the batch is still there")
    func termOverLongBatch() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        try folder.write("partitions: 1\nstages: [{ work: { exec: [sleep, '1000'], timeout: 1h } }]", to: "t.yaml")
        let pool = try start(server, environment: ["TIDINGS_CONFIG": folder.file("t.yaml")])
        let events = (0..<20).map { #"{"thread":"t","text":"\#($0)"}"# }
        try server.cli(["RPUSH", "{comments.0}:queue:work"] + events)
        try waitForProgram(of: pool)
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 30) == .code(0))
        #expect(try server.cli("LRANGE", "{comments.0}:queue:work", "0", "-1") == events.joined(separator: "\n"))
        #expect(try server.cli("HGET", "{comments.0}:lane:work", "owner") == "")
    }

    @Test("a worker that hangs is killed, and another one takes its place")
    func silence() throws {
        let server = try RedisServer()
        let pool = try start(server, "--silence", "10s")
        let victim = try #require(workers(pool).first)
        kill(victim, SIGSTOP)
        try eventually(within: 40, "it is gone; log: \(pool.errors)") { kill(victim, 0) != 0 }
        #expect(pool.errors.contains("child hangs, killing it"))
        try eventually(within: 10, "two workers run") { workers(pool).count == 2 }
    }

    @Test("a pool that was frozen, supervisor and workers, for longer than a worker may be silent keeps its workers")
    func frozen() throws {
        let server = try RedisServer()
        let pool = try start(server, "--silence", "10s")
        let before = workers(pool)
        // Old enough to be looked at, and with a heartbeat or two.
        Thread.sleep(forTimeInterval: 11)
        let all = [pool.pid] + before
        for pid in all { kill(pid, SIGSTOP) }
        Thread.sleep(forTimeInterval: 13)
        // The supervisor runs first, and its check is long due.
        kill(pool.pid, SIGCONT)
        Thread.sleep(forTimeInterval: 1)
        for pid in before { kill(pid, SIGCONT) }
        // Several checks later.
        Thread.sleep(forTimeInterval: 17)
        #expect(workers(pool) == before, "\(pool.errors)")
        #expect(!pool.errors.contains("child hangs"), "\(pool.errors)")
        // It still kills one that hangs.
        let victim = try #require(before.first)
        kill(victim, SIGSTOP)
        try eventually(within: 40, "it is gone; log: \(pool.errors)") { kill(victim, 0) != 0 }
        #expect(pool.errors.contains("child hangs, killing it"))
    }

    @Test("a worker that dies while the file is wrong is tried again until it is right; the other one goes on")
    func wrongFile() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let right = "partitions: 1\nstages: [{ work: { pass: true } }]"
        try folder.write(right, to: "t.yaml")
        let pool = try start(server, "--max-deaths", "2", environment: ["TIDINGS_CONFIG": folder.file("t.yaml")])
        let before = workers(pool)
        try folder.write("partitions: many", to: "t.yaml")
        let victim = try #require(before.first)
        kill(victim, SIGKILL)
        try eventually(within: 30, "it was tried again and again; log: \(pool.errors)") {
            pool.errors.components(separatedBy: "child cannot use the configuration as it is now").count > 5
        }
        #expect(pool.errors.contains("t.yaml:1: partitions: 'many' is no whole number"))
        #expect(pool.isRunning && before.subtracting([victim]).isSubset(of: workers(pool)))
        try server.cli("RPUSH", "comments:incoming", #"{"thread":"t","text":"meanwhile"}"#)
        try eventually(within: 20, "the other one takes it; log: \(pool.errors)") {
            try server.cli("HGET", "{comments.0}:lane:work", "out") == "1"
        }
        try folder.write(right, to: "t.yaml")
        try eventually(within: 30, "two have joined; log: \(pool.errors)") {
            try server.cli("ZCARD", "comments:procs") == "2" && workers(pool).count == 2
        }
    }

    @Test("a pool whose child dies too often ends with a failure that says so")
    func givesUp() throws {
        let server = try RedisServer()
        let pool = try start(server, "--max-deaths", "2")
        try eventually(within: 20, "the pool ends; log: \(pool.errors)", every: 0.02) {
            for worker in workers(pool) { kill(worker, SIGKILL) }
            return !pool.isRunning
        }
        #expect(pool.exit == .code(1))
        #expect(pool.errors.contains("child ended too often, giving up"))
        #expect(pool.errors.contains("dies again and again"))
    }

    @Test("a second SIGTERM ends a pool at once that waits for its batch, and the batch is still there")
    func secondTerm() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let environment = ["TIDINGS_CONFIG": folder.file("t.yaml")]
        func configure(_ program: String) throws {
            try folder.write("partitions: 1\nstages: [{ work: { exec: \(program), timeout: 1h } }]", to: "t.yaml")
        }
        try configure("[sleep, '1000']")
        let pool = try start(server, environment: environment)
        try server.cli(["RPUSH", "comments:incoming"] + (0..<20).map { #"{"thread":"t","text":"\#($0)"}"# })
        try waitForProgram(of: pool)
        pool.send(SIGTERM)
        try eventually(within: 10, "one worker waits for its batch") { workers(pool).count == 1 }
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 3) == .code(0))
        #expect(try server.cli("LLEN", "{comments.0}:queue:work") == "20")

        try configure("[cat]")
        let next = try start(server, environment: environment)
        try eventually(within: 20, "all are through; log: \(next.errors)") {
            try server.cli("HGET", "{comments.0}:lane:work", "out") == "20"
        }
    }

    @Test("a service manager hears when the pool is ready, that it lives, reloads and ends")
    func notify() throws {
        let server = try RedisServer()
        let socket = try NotifySocket()
        let pool = try start(
            server, environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": ""])
        try eventually(within: 10, "ready: \(socket.lines)") { socket.lines.contains("READY=1") }
        try eventually(within: 10, "three signs of life: \(socket.lines)") {
            socket.lines.count { $0 == "WATCHDOG=1" } >= 3
        }
        pool.send(SIGHUP)
        try eventually(within: 10, "reloading: \(socket.lines)") {
            socket.lines.contains("RELOADING=1") && socket.lines.count { $0 == "READY=1" } == 2
        }
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 20) == .code(0))
        #expect(socket.lines.contains("STOPPING=1"))
    }

    @Test(
        "what cannot be a limit is refused with a word on what can",
        arguments: [
            ["--max-memory", "lots"], ["--max-age", "old"], ["--silence", "2s"], ["--max-deaths", "0"],
            ["--death-window", "0s"],
        ])
    func wrongLimits(flags: [String]) throws {
        let result = try TidingsBinary.run(["work", "--redis", "unix:///nowhere"] + flags)
        #expect(result.exit == .code(64) || result.exit == .code(2), "\(result)")
        #expect(result.errors.contains(flags[0]) && result.errors.contains("takes"), "\(result.errors)")
    }
}
