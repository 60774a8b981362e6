import Foundation
import Glibc
import Supervision
import TestSupport
import Testing

/// Children whose supervisor was killed.
struct OrphanTests {
    @Test("edges end with their supervisor, also when it is killed")
    func edges() throws {
        let server = try RedisServer()
        let pool = try TidingsBinary.launch([
            "edge", "--workers", "2", "--drain", "1", "--listen", "127.0.0.1:0", "--redis", server.url,
        ])
        try eventually(within: 20, "two edges have joined; log: \(pool.errors)") {
            try server.cli("ZCARD", "comments:procs") == "2"
        }
        let edges = ProcessTable.descendants(of: pool.pid).filter { $0.command.contains(" --child ") }.map(\.pid)
        #expect(edges.count == 2)
        pool.kill()
        try eventually(within: 10, "they end; log: \(pool.errors)") { edges.allSatisfy { kill($0, 0) != 0 } }
        #expect(try server.cli("ZCARD", "comments:procs") == "0")
    }

    @Test("a worker that hangs when its supervisor is killed is ended when its time to end in order is over")
    func hanging() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        let configuration = try folder.write(
            "partitions: 1\nstages: [{ archive: { file: \(folder.file("pipe.txt")) } }]\n", to: "tidings.yaml")
        // A pipe that nobody reads: to write more than it holds takes for ever.
        #expect(mkfifo(folder.file("pipe.0.txt"), 0o600) == 0)
        let text = String(repeating: "x", count: 10_000)
        let events = (0..<20).map { #"{"thread":"t","id":"\#($0)","text":"\#(text)"}"# }
        try server.cli(["RPUSH", "{comments.0}:queue:archive"] + events)
        let program = try TidingsBinary.path
        let words = "work --child w1 --parent $$ --grace 1 --config \(configuration) --redis \(server.url)"
        let parent = try ChildProcess("sh", ["-c", "\(program) \(words) & wait"])
        func worker() -> Int32? {
            ProcessTable.descendants(of: parent.pid).first { $0.command.contains(" --child w1") }?.pid
        }
        try eventually(within: 20, "the worker has the lane; log: \(parent.errors)") {
            try server.cli("HGET", "{comments.0}:lane:archive", "owner") == "w1"
        }
        let pid = try #require(worker())
        try eventually(within: 10, "it hangs in the pipe: \(Self.place(of: pid))") {
            Self.place(of: pid).contains("pipe")
        }
        // Its loop hangs: SIGTERM is delivered, and changes nothing.
        kill(pid, SIGTERM)
        try eventually(within: 10, "SIGTERM is delivered, and it hangs as before: \(Self.place(of: pid))") {
            Self.hasNoPendingSignal(pid) && Self.place(of: pid).contains("pipe")
        }
        #expect(kill(pid, 0) == 0)
        parent.kill()
        try eventually(within: 5, "it is ended; log: \(parent.errors)") { kill(pid, 0) != 0 }
    }

    @Test("what the program of a killed worker has started ends with it, but for what made itself a session of its own")
    func grandchildren() throws {
        let server = try RedisServer()
        let folder = try TemporaryFolder()
        // Numbers by which they are known.
        let (helper, daemon) = ("\(7_000_000 + getpid())", "\(8_000_000 + getpid())")
        let program = try folder.write("sleep \(helper) &\nsetsid sleep \(daemon) &\ncat\n", to: "program.sh")
        let configuration = try folder.write(
            "partitions: 1\nstages: [{ work: { exec: [sh, \(program)] } }]\n", to: "tidings.yaml")
        let pool = try TidingsBinary.launch([
            "work", "--workers", "1", "--config", configuration, "--redis", server.url,
        ])
        func running(_ seconds: String) -> [Int32] {
            ProcessTable.descendants(of: 1).filter { $0.command == "sleep \(seconds) " }.map(\.pid)
        }
        defer { for pid in running(helper) + running(daemon) { kill(pid, SIGKILL) } }
        func pass(_ count: Int) throws {
            try server.cli("RPUSH", "comments:incoming", #"{"thread":"t"}"#)
            try eventually(within: 20, "\(count) are through; log: \(pool.errors)") {
                try server.cli("HGET", "{comments.0}:lane:work", "out") == "\(count)"
            }
        }
        try pass(1)
        try eventually(within: 5, "both run") { running(helper).count == 1 && running(daemon).count == 1 }
        let before = (running(helper), running(daemon))
        let worker = try #require(
            ProcessTable.descendants(of: pool.pid).first { $0.command.contains(" --child ") }?.pid)
        kill(worker, SIGKILL)
        try eventually(within: 5, "the helper is gone") { before.0.allSatisfy { kill($0, 0) != 0 } }
        #expect(before.1.allSatisfy { kill($0, 0) == 0 })
        // The next worker's program has helpers of its own, which end with the pool.
        try pass(2)
        pool.send(SIGTERM)
        #expect(try pool.wait(within: 15) == .code(0))
        #expect(running(helper) == [])
    }

    /// Whether every signal that was sent to a process has been delivered.
    private static func hasNoPendingSignal(_ pid: Int32) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let pending = status.split(separator: "\n").filter { $0.hasPrefix("SigPnd:") || $0.hasPrefix("ShdPnd:") }
        return pending.count == 2 && pending.allSatisfy { $0.hasSuffix("\t0000000000000000") }
    }

    /// Where in the kernel a process waits.
    private static func place(of pid: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 64)
        let file = open("/proc/\(pid)/wchan", O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        let count = read(file, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
