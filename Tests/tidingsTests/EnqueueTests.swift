import Glibc
import TestSupport
import Testing

/// `tidings enqueue` with more than one batch, with hostile input, over a pipe, and stopped half-way.
struct EnqueueTests {
    private let server: RedisServer
    private let folder: TemporaryFolder

    init() throws {
        server = try RedisServer()
        folder = try TemporaryFolder()
    }

    /// Writes tidings.yaml with this line, and gives the arguments that name it and the server.
    private func arguments(_ yaml: String = "") throws -> [String] {
        let configuration = try folder.write("partitions: 4\n\(yaml)\n", to: "tidings.yaml")
        return ["--config", configuration, "--redis", server.url]
    }

    private func queue(_ partition: Int) -> String { "{comments.\(partition)}:queue:validate" }

    private func waiting() throws -> Int {
        try (0..<4).reduce(0) { try $0 + (Int(server.cli("LLEN", queue($1))) ?? 0) }
    }

    private func inQueue(_ partition: Int) throws -> [String] {
        try server.cli("LRANGE", queue(partition), "0", "-1").split(separator: "\n").map(String.init)
    }

    /// Fifty comments of one thread, then fifty of the next one: a call that is refused has others behind it whose queues
    /// have room.
    private func thread(_ number: Int) -> Int { number / 50 % 7 }

    /// Comments of seven threads: `{"thread":"t1","text":"58"}`.
    private func lines(_ numbers: Range<Int>) -> String {
        numbers.map { #"{"thread":"t\#(thread($0))","text":"\#($0)"}"# + "\n" }.joined()
    }

    /// Expects comments 0 to `count` of ``lines(_:)`` in the queues, each once, each conversation in order.
    private func expectAll(_ count: Int, _ taken: [String]? = nil) throws {
        let events = try taken ?? (0..<4).flatMap { try inQueue($0) }
        #expect(events.count == count)
        for thread in 0..<7 {
            let texts = events.filter { $0.contains("\"t\(thread)\"") }.compactMap { line in
                line.split { !$0.isNumber }.last.flatMap { Int($0) }
            }
            #expect(texts == (0..<count).filter { self.thread($0) == thread }, "thread \(thread)")
        }
    }

    @Test(
        "many batches of a file and of a pipe, small and large, come in once and in order",
        arguments: [1, 7, 500, 5000])
    func order(batch: Int) throws {
        let count = batch == 1 ? 2000 : 20_000
        let file = try folder.write(lines(0..<count), to: "lines")
        let words = try arguments() + ["--batch", String(batch)]
        let result = try TidingsBinary.run(["enqueue", file] + words)
        #expect(result.succeeded && result.errors.isEmpty, "\(result.errors)")
        #expect(result.output.hasPrefix("\(count) events enqueued"))
        try expectAll(count)
        try server.cli("FLUSHALL")
        let binary = try TidingsBinary.path
        let piped = try ChildProcess.run(
            "sh", ["-c", #"file=$1; shift; cat "$file" | "$@""#, "sh", file, binary, "enqueue", "-"] + words)
        #expect(piped.succeeded, "\(piped.errors)")
        try expectAll(count)
    }

    @Test("queues that are full again and again delay, and change neither order nor number")
    func fullInTheMiddle() throws {
        let words = try arguments("queue_limit: 150")
        let feeder = try TidingsBinary.launch(["enqueue", "-", "--batch", "20"] + words, input: lines(0..<5000))
        // A consumer makes room at any time: the calls under way behind a refused one must not overtake it.
        var taken = [[String]](repeating: [], count: 4)
        try eventually(within: 60, "all came; \(taken.map(\.count)), \(feeder.errors)") {
            for partition in 0..<4 {
                let answer = try server.cli("LPOP", queue(partition), "40")
                taken[partition] += answer.split(separator: "\n").map(String.init)
            }
            return taken.reduce(0) { $0 + $1.count } >= 5000
        }
        #expect(try feeder.wait() == .code(0))
        #expect(feeder.output.hasPrefix("5000 events enqueued"))
        try expectAll(5000, taken.flatMap { $0 })
    }

    @Test("a queue that stays full: the lines before the one that is named are in, no others, and one can go on there")
    func goOn() throws {
        let file = try folder.write("nonsense\n\n" + lines(0..<3000), to: "lines")
        let words = try arguments("queue_limit: 300") + ["--batch", "50", "--patience", "300ms"]
        let refused = try TidingsBinary.run(["enqueue", file, "--json"] + words)
        #expect(refused.exit == .code(75))
        let counts = try ParsedJSON(parsing: refused.output)
        let accepted = try #require(counts["enqueued"]?.integer)
        let line = try #require(counts["stopped_at_line"]?.integer)
        #expect(accepted > 0 && line == accepted + 3, "\(accepted) \(line)")
        #expect(counts["bad"]?.integer ?? 0 >= 1)
        #expect(refused.errors.contains("stopped after \(accepted) events, at line \(line) of \(file): "))
        #expect(refused.errors.contains("is full with") && !refused.errors.contains("may be in"), "\(refused.errors)")
        #expect(try waiting() == accepted)
        let rest = try ChildProcess.run(
            "sh",
            ["-c", #"line=$1; file=$2; shift 2; tail -n "+$line" "$file" | "$@""#, "sh", "\(line)", file]
                + [try TidingsBinary.path, "enqueue", "-"] + (try arguments("queue_limit: 100000")))
        #expect(rest.succeeded, "\(rest.errors)")
        try expectAll(3000)
    }

    @Test("bad lines are named by number and reason, and everything else is in")
    func hostile() throws {
        let long = String(repeating: "x", count: 20 << 20)
        var bytes: [UInt8] = []
        func add(_ text: String) { bytes += Array(text.utf8) }
        add("{\"thread\":\"a\",\"text\":\"1\"}\r\n")
        add("{\"thread\":\"a\",\"text\":\"nul \0\"}\n")
        bytes += Array("{\"thread\":\"a\",\"text\":\"".utf8) + [0xFF, 0xC0] + Array("\"}\n".utf8)
        add("\0\0\0\n")
        add("{\"thread\":\"a\",\"text\":\"\(long)\"}\n")
        add("\n \t \r\n")
        add("\u{FEFF}{\"thread\":\"a\"}\n")
        add("{\"thread\":null}\n{\"thread\":1.5}\n{\"thread\":{\"thread\":\"a\"}}\n")
        add("[{\"thread\":\"a\"}]\n{\"thread\":\"a\"}{\"thread\":\"a\"}\n")
        add("{\"x\":[{\"_v\":1}],\"thread\":\"a\",\"text\":\"2\"}\n")
        add("{\"thread\":\"a\",\"thread\":\"b\",\"text\":\"3\",\"\\u005fv\":1}\n")
        add("{\"thread\":18446744073709551615,\"text\":\"4\"}\n")
        add("{\"thread\":\"a\",\"text\":\"5\"}")
        let path = folder.file("lines")
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(write(file, bytes, bytes.count) == bytes.count)
        close(file)
        let result = try TidingsBinary.run(["enqueue", path, "--batch", "2"] + arguments())
        #expect(result.exit == .code(1))
        #expect(result.output.hasPrefix("4 events enqueued"), "\(result.output)")
        let complaints = result.errors.split(separator: "\n").map(String.init)
        let expected = [
            (2, "control character"), (3, "not UTF-8"), (4, "no JSON object"), (5, "longer than 16 MiB"),
            (8, "byte order mark"), (9, "`thread` is missing"), (10, "`thread` is missing"),
            (11, "`thread` is missing"), (12, "expected a JSON object"), (13, "no JSON object"), (15, "`_v`"),
        ]
        #expect(complaints.count == expected.count, "\(complaints)")
        for (complaint, (number, reason)) in zip(complaints, expected) {
            #expect(complaint.hasPrefix("line \(number): ") && complaint.contains(reason), "\(complaint)")
        }
        #expect(try waiting() == 4)
        let events = try (0..<4).map { try server.cli("LRANGE", queue($0), "0", "-1") }.joined(separator: "\n")
        for number in [1, 2, 4, 5] { #expect(events.contains("\"text\":\"\(number)\"}")) }
    }

    @Test("lines of a pipe that pauses are in at once, one after the other")
    func trickle() throws {
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let writer = open(pipe, O_RDWR | O_CLOEXEC)
        func put(_ text: String) { #expect(text.withCString { write(writer, $0, strlen($0)) } == text.utf8.count) }
        let feeder = try TidingsBinary.launch(["enqueue", pipe] + arguments())
        for number in 0..<10 {
            let line = lines(number..<number + 1)
            // In two parts: half a line is not one.
            put(String(line.prefix(9)))
            put(String(line.dropFirst(9)))
            try eventually(within: 10, "line \(number) is in; \(feeder.errors)") { try waiting() == number + 1 }
        }
        put(lines(10..<110) + "{\"thread\":")
        try eventually(within: 10, "the lines of one write are in; \(feeder.errors)") { try waiting() == 110 }
        #expect(feeder.isRunning)
        close(writer)
        #expect(try feeder.wait() == .code(1))
        #expect(feeder.errors.hasPrefix("line 111: no JSON object"), "\(feeder.errors)")
        try expectAll(110)
    }

    @Test("an interrupted command says how far it has come, with exit code 75", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let pipe = folder.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let writer = open(pipe, O_RDWR | O_CLOEXEC)
        defer { close(writer) }
        let text = lines(0..<5)
        #expect(text.withCString { write(writer, $0, strlen($0)) } == text.utf8.count)
        let feeder = try TidingsBinary.launch(["enqueue", pipe] + arguments())
        try eventually(within: 10, "they are in; \(feeder.errors)") { try waiting() == 5 }
        feeder.send(signal)
        #expect(try feeder.wait(within: 10) == .code(75))
        #expect(feeder.errors == "tidings: stopped after 5 events, at line 6 of \(pipe): interrupted\n")
    }

    @Test("a command that waits for room is interrupted as well, and nothing of what waits is in")
    func interruptedWhileFull() throws {
        let feeder = try TidingsBinary.launch(
            ["enqueue", "-", "--batch", "50"] + arguments("queue_limit: 100"), input: lines(0..<2000))
        try eventually(within: 10, "a queue is full; \(feeder.errors)") {
            try (0..<4).contains { try Int(server.cli("LLEN", queue($0))) ?? 0 >= 100 }
        }
        feeder.send(SIGTERM)
        #expect(try feeder.wait(within: 10) == .code(75))
        let accepted = try waiting()
        #expect(
            feeder.errors == "tidings: stopped after \(accepted) events, at line \(accepted + 1) of -: interrupted\n")
    }

    @Test("a terminal sees how far it is; a file sees nothing of that")
    func progress() throws {
        let file = try folder.write(lines(0..<3000), to: "lines")
        let words = try arguments("queue_limit: 100") + ["--patience", "1s"]
        let command = ([try TidingsBinary.path, "enqueue", file] + words).joined(separator: " ")
        let seen = try ChildProcess.run("script", ["-qec", command, "/dev/null"])
        #expect(seen.output.contains("events, "), "\(seen.output)")
        #expect(seen.output.contains(" %"), "\(seen.output)")
        #expect(seen.output.contains("waiting for room"), "\(seen.output)")
        let unseen = try TidingsBinary.run(["enqueue", file] + words)
        #expect(unseen.errors.hasPrefix("tidings: stopped after 0 events"), "\(unseen.errors)")
    }
}
