import Foundation
import Glibc
import Supervision
import Synchronization
import TestSupport
import Testing

@Suite("starting programs")
struct SubprocessTests {
    private func end(of pid: pid_t) throws -> String {
        var status: Int32?
        try eventually(within: 10, "it ends") {
            status = Subprocess.status(of: pid)
            return status != nil
        }
        return Subprocess.describe(try #require(status))
    }

    @Test("a program inherits the named descriptors under their numbers, and no others")
    func descriptors() throws {
        let folder = try TemporaryFolder()
        let (given, other) = (open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/null", O_RDONLY))
        defer { for descriptor in [given, other] { close(descriptor) } }
        let loop = "for d in \(given) \(other); do test -e /proc/$$/fd/$d && echo $d; done"
        let script = "\(loop) >\(folder.file("list")); exit 0"
        let pid = try Subprocess.spawn(["sh", "-c", script], inheriting: [given])
        #expect(try end(of: pid) == "exit 0")
        #expect(folder.read("list") == "\(given)\n", "given \(given), other \(other)")
    }

    @Test("it leads a process group of its own, with no signal blocked or ignored")
    func fresh() throws {
        let folder = try TemporaryFolder()
        // Swift's threads block signals, and this process ignores one.
        let before = signal(SIGUSR2, SIG_IGN)
        defer { signal(SIGUSR2, before) }
        let program = "cat /proc/self/status >\(folder.file("status")); exec sleep 1000"
        let pid = try Subprocess.spawn(["sh", "-c", program])
        defer { kill(-pid, SIGKILL) }
        #expect(getpgid(pid) == pid)
        try eventually(within: 10, "its state is known") { folder.read("status").contains("SigCgt") }
        let lines = folder.read("status").split(separator: "\n")
        for name in ["SigBlk:", "SigIgn:"] {
            let line = try #require(lines.first { $0.hasPrefix(name) })
            let mask = try #require(UInt64(line.dropFirst(name.count + 1), radix: 16))
            // The standard signals: the C library keeps the two that follow to itself.
            #expect(mask & 0x7fff_ffff == 0, "\(line)")
        }
        kill(pid, SIGTERM)
        #expect(try end(of: pid) == "signal 15")
    }

    @Test("a program that is not there is an error that names it")
    func missing() throws {
        #expect {
            try Subprocess.spawn(["no-such-program"])
        } throws: { error in
            (error as? SpawnError)?.code == ENOENT
                && "\(error)" == "cannot start no-such-program: No such file or directory"
        }
    }

    @Test("pipes lead to its standard three", arguments: [Int32?.none, SIGKILL])
    func pipes(parentDeathSignal: Int32?) throws {
        let (pid, pipes) = try Subprocess.spawnPiped(
            ["sh", "-c", "read line; echo out $line; echo err $line >&2"], parentDeathSignal: parentDeathSignal)
        defer { for descriptor in [pipes.input, pipes.output, pipes.errors] { close(descriptor) } }
        #expect(write(pipes.input, "x\n", 2) == 2)
        #expect(try end(of: pid) == "exit 0")
        func text(_ descriptor: Int32) -> String {
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = read(descriptor, &buffer, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
        #expect(text(pipes.output) == "out x\n" && text(pipes.errors) == "err x\n")
        #expect(Subprocess.unread(in: pipes.input) == 0)
    }

    @Test("it gets the parent death signal when the thread that started it ends")
    func parentDeath() throws {
        // The kernel's signal follows the thread: a thread stands for a process that is killed.
        let started = Mutex<pid_t>(0)
        let thread = Thread {
            let pid = (try? Subprocess.spawn(["sleep", "1000"], parentDeathSignal: SIGTERM)) ?? -1
            started.withLock { $0 = pid }
        }
        thread.start()
        try eventually { started.withLock { $0 } != 0 }
        let pid = started.withLock { $0 }
        try #require(pid > 0)
        #expect(try end(of: pid) == "signal 15")
    }
}
