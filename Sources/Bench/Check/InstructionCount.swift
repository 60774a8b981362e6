import Console
import Events
import Glibc
import Pipeline
import Redis
import Supervision

/// Counts the instructions that a worker executes for an event, in its own code: by `perf` where the machine has the
/// counter and the user may read it, else by callgrind.
///
/// A worker runs over a short backlog and over a long one; the difference is that of the events. So its start, and
/// whatever it does once, count for nothing.
struct InstructionCount {
    enum Counter: String {
        case perf, callgrind
    }

    let counter: Counter
    private let subject: BenchSubject
    /// What callgrind runs: this program without debugging information, which valgrind 3.19 cannot read.
    private let stripped: String

    /// How many events the backlogs have.
    private static let backlogs = (short: 2000, long: 8000)

    /// - Throws: ``CommandError`` that says why neither can be used.
    init(subject: BenchSubject) throws {
        self.subject = subject
        stripped = subject.folder.path + "/tidings"
        let probe = subject.folder.path + "/probe"
        if Self.run(Self.perf(probe) + ["true"]),
            Self.perfCount(BenchFiles.read(probe) ?? "") != nil
        {
            counter = .perf
            return
        }
        guard Self.run(["strip", "-o", stripped, subject.program]),
            Self.run(Self.callgrind(probe) + [stripped, "--version"]),
            Self.callgrindCount(BenchFiles.read(probe) ?? "") != nil
        else {
            throw CommandError(
                "instructions are not counted: perf has no counter here (or kernel.perf_event_paranoid forbids it), and "
                    + "callgrind or strip is missing: apt-get install valgrind binutils")
        }
        counter = .callgrind
    }

    /// Instructions for an event.
    func measure(_ shape: BenchShape, input: BenchInput) throws -> Double {
        let short = try run(shape, input, Self.backlogs.short)
        let long = try run(shape, input, Self.backlogs.long)
        return Double(long - short) / Double(Self.backlogs.long - Self.backlogs.short)
    }

    private func run(_ shape: BenchShape, _ input: BenchInput, _ count: Int) throws -> Int {
        let client = try subject.client()
        _ = try RedisMeter(emptying: client)
        var source = input.source()
        try BenchRun.fill(client, shape.layout, source.next(count, for: shape.layout))
        let output = subject.folder.path + "/instructions"
        unlink(output)
        let process = try start(shape, output)
        do {
            defer { end(process) }
            let progress = BenchProgress(shape)
            let deadline = Clock.monotonicMilliseconds() + 300_000
            while try progress.look(client) < count * shape.stages.count {
                guard kill(process, 0) == 0, Subprocess.status(of: process) == nil,
                    Clock.monotonicMilliseconds() < deadline
                else { throw CommandError("a worker under \(counter.rawValue) did not empty its queues") }
                client.pause(milliseconds: 20)
            }
        }
        let text = BenchFiles.read(output) ?? ""
        guard let instructions = counter == .perf ? Self.perfCount(text) : Self.callgrindCount(text) else {
            throw CommandError("\(counter.rawValue) wrote no count of instructions")
        }
        return instructions
    }

    /// Starts one worker, without a supervisor. Returns the process that counts, which is the worker itself with
    /// callgrind and its parent with perf.
    private func start(_ shape: BenchShape, _ output: String) throws -> pid_t {
        try subject.folder.write(shape.yaml, to: "tidings.yaml")
        setenv("TIDINGS_REDIS", subject.server.address.url, 1)
        setenv("TIDINGS_CONFIG", subject.folder.path + "/tidings.yaml", 1)
        setenv("TIDINGS_LOG", "error", 1)
        let words = ChildSpec.workers(1, stages: [])[0].launch(20_000).arguments
        switch counter {
        case .callgrind:
            return try BenchChild.spawn(Self.callgrind(output) + [stripped] + words.dropFirst())
        case .perf:
            return try BenchChild.spawn(Self.perf(output) + ["--"] + Self.underParent(words))
        }
    }

    /// The words that start a worker whose parent is not this process but the one that runs them: a worker ends when its
    /// parent is another one than it was told.
    static func underParent(_ words: [String]) -> [String] {
        var words = words
        if let flag = words.firstIndex(of: "--parent"), flag + 1 < words.count { words.removeSubrange(flag...flag + 1) }
        return ["sh", "-c", "exec \"$@\" --parent $PPID", "sh"] + words
    }

    /// Ends the worker, and waits until its instructions are written.
    private func end(_ process: pid_t) {
        for worker in counter == .perf ? ProcessUse.children(of: process) : [process] { kill(worker, SIGTERM) }
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    private static func perf(_ output: String) -> [String] {
        ["perf", "stat", "-x,", "-e", "instructions:u", "-o", output]
    }

    private static func callgrind(_ output: String) -> [String] {
        ["valgrind", "--tool=callgrind", "--log-file=\(output).log", "--callgrind-out-file=\(output)"]
    }

    private static func run(_ words: [String]) -> Bool {
        guard let pid = try? BenchChild.spawn(["sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"] + words) else {
            return false
        }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return status == 0
    }

    /// What `perf stat -x,` counted: `123456,,instructions:u,…`; nil for `<not supported>` and `<not counted>`.
    static func perfCount(_ text: String) -> Int? {
        for line in text.split(separator: "\n") where line.contains("instructions") {
            return line.split(separator: ",").first.flatMap { Int($0) }
        }
        return nil
    }

    /// What callgrind counted: `totals: 123456`.
    static func callgrindCount(_ text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix("totals: ") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        }
        return nil
    }
}
