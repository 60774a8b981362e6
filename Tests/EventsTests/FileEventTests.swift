import Events
import Glibc
import TestSupport
import Testing

@Suite("readiness of a pipe")
struct FileEventTests {
    /// Both ends of a pipe, closed in `deinit`.
    private final class Pipe {
        let output: Int32
        let input: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard Glibc.pipe(&ends) == 0 else { throw TestSupportError("no pipe") }
            for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
            (output, input) = (ends[0], ends[1])
        }

        deinit {
            close(output)
            close(input)
        }

        func put(_ bytes: Int) {
            let zeros = [UInt8](repeating: 0, count: bytes)
            _ = write(input, zeros, bytes)
        }

        @discardableResult
        func take(_ bytes: Int = 1) -> Int {
            var buffer = [UInt8](repeating: 0, count: bytes)
            return read(output, &buffer, bytes)
        }
    }

    private let runner: LoopRunner
    private let pipe: Pipe

    init() throws {
        runner = try LoopRunner()
        pipe = try Pipe()
    }

    @Test("nothing is told before it is watched for")
    func unwatched() {
        var calls = 0
        let event = FileEvent(on: runner.loop, descriptor: pipe.output) { _ in calls += 1 }
        pipe.put(1)
        runner.run(for: 0.02)
        #expect(calls == 0)
        event.cancel()
    }

    @Test("readable is told again and again until it is read, and then no more")
    func readable() throws {
        var calls = 0
        let event = FileEvent(on: runner.loop, descriptor: pipe.output) { readiness in
            calls += 1
            #expect(readiness == .read)
            if calls == 3 { self.pipe.take() }
        }
        event.watch(.read)
        runner.run(for: 0.01)
        #expect(calls == 0)
        pipe.put(1)
        try runner.run { calls == 3 }
        runner.run(for: 0.02)
        #expect(calls == 3)
        pipe.put(1)
        try runner.run { calls > 3 }
        event.cancel()
        let before = calls
        runner.run(for: 0.02)
        #expect(calls == before)
    }

    @Test("a pipe is writable until it is full, and again when it is read")
    func writable() throws {
        var isWritable = false
        let event = FileEvent(on: runner.loop, descriptor: pipe.input) { readiness in
            #expect(readiness == .write)
            isWritable = true
            // One turn of the loop is enough.
            self.pipe.put(1 << 20)
        }
        event.watch(.write)
        try runner.run { isWritable }
        isWritable = false
        runner.run(for: 0.02)
        #expect(!isWritable)
        while pipe.take(1 << 16) > 0 {}
        try runner.run { isWritable }
    }

    @Test("what is watched for can be changed at any time")
    func changed() throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        var seen: FileEvent.Readiness = []
        let event = FileEvent(on: runner.loop, descriptor: ends[0]) { seen.formUnion($0) }
        event.watch(.read)
        runner.run(for: 0.01)
        #expect(seen == [])
        event.watch([.read, .write])
        try runner.run { seen == .write }
        _ = write(ends[1], "x", 1)
        try runner.run { seen == [.read, .write] }
        event.watch(.read)
        event.watch(.read)
        runner.run(for: 0.01)
        seen = []
        try runner.run { seen == .read }
        event.watch([])
        seen = []
        runner.run(for: 0.01)
        #expect(seen == [])
    }

    @Test("the other end's leaving is told as readable")
    func hangUp() throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        var count = -1
        var event: FileEvent?
        event = FileEvent(on: runner.loop, descriptor: ends[0]) { _ in
            var byte: UInt8 = 0
            count = read(ends[0], &byte, 1)
            event?.cancel()
        }
        event?.watch(.read)
        close(ends[1])
        try runner.run { count == 0 }
        event = nil
        close(ends[0])
    }

    @Test("an event may be released by its own action")
    func releasedByItself() throws {
        var calls = 0
        var event: FileEvent?
        event = FileEvent(on: runner.loop, descriptor: pipe.output) { _ in
            calls += 1
            event = nil
        }
        event?.watch(.read)
        pipe.put(1)
        try runner.run { calls == 1 }
        runner.run(for: 0.02)
        #expect(calls == 1)
    }

    @Test("writing to a socket whose peer has left is an error, not the end of the process")
    func brokenPipe() {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        close(ends[1])
        #expect(write(ends[0], "x", 1) == -1)
        #expect(errno == EPIPE)
        close(ends[0])
    }
}
