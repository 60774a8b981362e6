import ArgumentParser
import Configuration
import Console
import Events
import Glibc
import JSON
import Pipeline
import Redis
import Store
import Supervision

/// `tidings enqueue`: comments from a file or standard input into the pipeline.
struct Enqueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put comments into the pipeline: one JSON object a line.",
        discussion: """
            Each line goes to the first stage of its conversation's partition, in order. A line that is no event is reported
            with its number and left out. While a queue or Redis' memory is full the command waits, --patience at most for
            each batch. Exit code: 0 all lines are in, 1 some lines were bad or a key has a foreign type, 75 Redis cannot be
            reached or stayed full. Earlier lines stay in; the same file again is safe within the duplicate window.

            Examples:
              tidings enqueue comments.ndjson
              tail -f app.log | tidings enqueue -
            """)

    @OptionGroup var options: GlobalFlags

    @Argument(help: "A file with one JSON object a line, or - for standard input.")
    var file: String = "-"

    enum Group: SettingGroup {
        static let settings = Settings.Enqueue.flags
    }

    @OptionGroup var flags: SettingFlags<Group>

    @Flag(name: .long, help: "Print the counts as JSON.")
    var json = false

    func run() throws {
        let settings = try options.configuration()
        let reader = try LineReader(path: file)
        let client = try BlockingRedis(address: options.redisAddress(settings), name: "tidings-enqueue")
        try client.greet(settings.layout)
        var run = EnqueueRun(
            layout: settings.layout, client: client,
            enqueuer: Enqueuer(layout: settings.layout, limits: settings.limits, connection: client.connection),
            patience: try flags.value(Settings.Enqueue.patience), showsProgress: isatty(STDERR_FILENO) == 1)
        do {
            try run.all(from: reader, batch: flags.value(Settings.Enqueue.batch))
        } catch {
            run.finishProgress()
            guard let known = CommandError(of: error) else { throw error }
            throw known.after("stopped after \(run.accepted) events, at line \(run.firstUnsent) of \(file)")
        }
        run.finishProgress()
        report(run)
        if run.bad > 0 { throw ExitCode(1) }
    }

    private func report(_ run: EnqueueRun) {
        if json {
            var object = JSONObject()
            object["enqueued"] = .int(Int64(run.accepted))
            object["bad"] = .int(Int64(run.bad))
            object["seconds"] = .double((run.seconds * 1000).rounded() / 1000)
            Terminal.write(object.text + "\n")
        } else {
            let rate = run.seconds > 0 ? Int(Double(run.accepted) / run.seconds) : run.accepted
            let bad = run.bad > 0 ? ", \(run.bad) bad lines left out" : ""
            Terminal.write("\(run.accepted) events enqueued in \(Text.seconds(run.seconds)) (\(rate)/s)\(bad)\n")
        }
    }
}

/// One run of `enqueue`: reads lines, sorts them by partition, sends them, waits where queues are full.
private struct EnqueueRun {
    let layout: PipelineLayout
    let client: BlockingRedis
    let enqueuer: Enqueuer
    /// How long a batch waits for room, in ms.
    let patience: Int64
    let showsProgress: Bool
    var accepted = 0
    var bad = 0
    /// The first line that Redis has not confirmed.
    var firstUnsent = 1
    private let parser = JSONParser(maxBytes: 512 << 20)
    private let started = Clock.monotonicNanoseconds()
    private var lastShown: Int64 = 0

    init(
        layout: PipelineLayout, client: BlockingRedis, enqueuer: Enqueuer, patience: Int64, showsProgress: Bool
    ) {
        self.layout = layout
        self.client = client
        self.enqueuer = enqueuer
        self.patience = patience
        self.showsProgress = showsProgress
    }

    var seconds: Double { Double(Clock.monotonicNanoseconds() - started) / 1e9 }

    mutating func all(from reader: LineReader, batch: Int) throws {
        var events: [Int: [[UInt8]]] = [:]
        var count = 0
        while let line = try reader.next() {
            if let (event, partition) = take(line, number: reader.lineNumber) {
                events[partition, default: []].append(event)
                count += 1
            }
            // Lines of a pipe that pauses are sent at once. So a batch has no more bytes than the reader's buffer and one
            // line.
            if count >= batch || (count > 0 && !reader.hasBufferedLine) {
                try send(&events, count: count)
                count = 0
                firstUnsent = reader.lineNumber + 1
            }
        }
        if count > 0 { try send(&events, count: count) }
    }

    private mutating func take(_ line: [UInt8], number: Int) -> (event: [UInt8], partition: Int)? {
        if line.allSatisfy({ $0 <= 32 }) { return nil }
        let problem: String
        do {
            let fields = try parser.parseObject(line)
            if fields["_v"] != nil {
                problem = "`_v` is a member of ours; leave it out"
            } else if let conversation = Enqueuer.conversation(of: fields) {
                return (line, layout.partition(of: conversation))
            } else {
                problem = "`thread` is missing: it names the conversation, as a string or a whole number"
            }
        } catch {
            problem = "no JSON object: \(error)"
        }
        bad += 1
        finishProgress()
        Terminal.writeError("line \(number): \(problem)\n")
        return nil
    }

    /// Waits while a queue is full: backpressure reaches the writer of the pipe.
    private mutating func send(_ events: inout [Int: [[UInt8]]], count: Int) throws {
        let batch = events
        var backoff = Backoff(base: 20, limit: 500)
        var generator = SystemRandomNumberGenerator()
        let end = Clock.monotonicMilliseconds() + patience
        var hasGreeted = false
        while true {
            do {
                try client.wait { enqueuer.enqueue(batch, completion: $0) }
                break
            } catch let error as PipelineError where error.code == .full && Clock.monotonicMilliseconds() < end {
                client.pause(milliseconds: backoff.next(using: &generator))
            } catch let error as PipelineError where error.code == .differs && !hasGreeted {
                // Redis lost the shape, or holds another one, which this says.
                try client.greet(layout)
                hasGreeted = true
            }
        }
        events = [:]
        accepted += count
        showProgress()
    }

    private mutating func showProgress() {
        let now = Clock.monotonicMilliseconds()
        guard showsProgress, now - lastShown >= 100 else { return }
        lastShown = now
        Terminal.writeError("\r\(accepted) enqueued, \(Int(Double(accepted) / max(seconds, 0.001)))/s \u{1B}[K")
    }

    mutating func finishProgress() {
        if showsProgress, lastShown > 0 { Terminal.writeError("\r\u{1B}[K") }
    }
}
