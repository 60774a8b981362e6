import Console
import Events
import Glibc
import JSON
import Pipeline
import Redis
import Store
import Supervision

/// One run of `enqueue`: reads lines, makes batches of them, has several batches under way at once (``EnqueueWindow``), and
/// waits where queues are full. What it holds in memory is bounded, whatever the length of the input.
final class EnqueueRun {
    /// The events that are known to be in.
    private(set) var accepted = 0
    private(set) var bad = 0
    /// The first line that is not known to be in, though all lines before it are.
    private(set) var firstUnsent = 1

    private let layout: PipelineLayout
    private let client: BlockingRedis
    private let enqueuer: Enqueuer
    private let reader: LineReader
    private let parser = JSONParser(maxBytes: LineReader.maximumLine)
    /// Lines in a batch at most.
    private let limit: Int
    /// How long a batch waits for room, in ms.
    private let patience: Int64
    private let started = Clock.monotonicNanoseconds()

    private var batch = EventBatch()
    private var window = EnqueueWindow(
        name: String(UInt64.random(in: 0...UInt64.max), radix: 36), calls: EnqueueRun.calls, bytes: EnqueueRun.bytes)
    /// Why nothing is under way though there is something to send.
    private var stuck: PipelineError?
    /// Until when a batch that is refused is tried again, on the monotonic clock.
    private var patienceEnd: Int64?
    private var backoff = Backoff(base: 20, limit: 500)
    private var hasGreeted = false
    private var isInterrupted = false
    private var lastShown: Int64 = 0

    /// What is under way at most: enough that Redis never waits for this process.
    private static let calls = 8
    private static let bytes = 2 << 20
    /// A batch is sent when it has so many bytes: lines may be long.
    private static let batchBytes = 256 << 10

    init(
        layout: PipelineLayout, client: BlockingRedis, enqueuer: Enqueuer, reader: LineReader, batch: Int,
        patience: Int64
    ) {
        self.layout = layout
        self.client = client
        self.enqueuer = enqueuer
        self.reader = reader
        limit = batch
        self.patience = patience
    }

    var seconds: Double { Double(Clock.monotonicNanoseconds() - started) / 1e9 }

    /// The events behind ``accepted`` that may be in as well: their answers were lost.
    var uncertain: Int { window.uncertain }

    /// Puts all lines in. When it throws, nothing is under way any more.
    func all() throws {
        let signals = ExitSignals(
            on: client.loop, graceful: { [unowned self] in self.isInterrupted = true }, immediate: { exit(75) })
        defer { Terminal.clearProgress() }
        do {
            try pour()
        } catch {
            // The count is to be exact.
            while window.isUnderWay { client.loop.runOnce(wait: true) }
            throw error
        }
        withExtendedLifetime(signals) {}
    }

    private func pour() throws {
        while true {
            switch try reader.advance() {
            case .line: reader.withLine(take)
            case .tooLong: complain("longer than \(LineReader.maximumLine >> 20) MiB; one event is a line")
            case .pause:
                try send()
                try waitForInput()
            case .end:
                try send()
                return try wait { window.isEmpty }
            }
            if batch.count >= limit || batch.bytes >= EnqueueRun.batchBytes { try send() }
        }
    }

    private func take(_ line: UnsafeRawBufferPointer) {
        do {
            let fields = try parser.parseObject(line, only: ["_v", "thread"])
            if fields["_v"] != nil {
                complain("`_v` is a member of ours; leave it out")
            } else if let conversation = Enqueuer.conversation(of: fields) {
                batch.append(line, to: layout.partition(of: conversation))
            } else {
                complain("`thread` is missing: it names the conversation, as a string or a whole number")
            }
        } catch {
            // An empty line is none.
            if error.code != .empty { complain("no JSON object: \(error)") }
        }
    }

    private func complain(_ problem: String) {
        bad += 1
        Terminal.clearProgress()
        Terminal.writeError("line \(reader.lineNumber): \(problem)\n")
    }

    /// Sends the batch. Waits for room before: backpressure reaches the writer of the pipe.
    private func send() throws {
        guard !batch.isEmpty else { return }
        try wait { window.hasRoom }
        window.add(batch, through: reader.lineNumber)
        batch = EventBatch()
        transmit()
        client.loop.runOnce(wait: false)
        showProgress()
    }

    private func transmit() {
        while let call = window.next() {
            enqueuer.enqueue(call.events, in: call.turn) { [unowned self] in self.answered($0) }
        }
    }

    private func answered(_ result: Result<Void, PipelineError>) {
        switch window.answered(result) {
        case .taken(let events, let line):
            accepted += events
            firstUnsent = line + 1
            patienceEnd = nil
            backoff.reset()
            hasGreeted = false
        case .waiting: break
        case .stuck(let error): stuck = error
        }
    }

    private func waitForInput() throws {
        var isReadable = false
        let input = FileEvent(on: client.loop, descriptor: reader.descriptor) { _ in isReadable = true }
        input.watch(.read)
        defer { input.cancel() }
        try wait { isReadable }
    }

    /// Runs the loop until something is so, and sends again what was refused.
    ///
    /// - Throws: why it is of no use to wait any longer.
    private func wait(until condition: () -> Bool) throws {
        while true {
            if isInterrupted { throw CommandError("interrupted", exitCode: 75) }
            if let stuck {
                try overcome(stuck)
            } else if condition() {
                return
            } else {
                client.loop.runOnce(wait: true)
            }
            showProgress()
        }
    }

    /// Waits a moment after a refusal, and sends again.
    private func overcome(_ refusal: PipelineError) throws {
        let now = Clock.monotonicMilliseconds()
        switch refusal.code {
        case .full, .skipped:
            let end = patienceEnd ?? now + patience
            guard now < end else { throw refusal }
            patienceEnd = end
            var generator = SystemRandomNumberGenerator()
            client.pause(milliseconds: backoff.next(using: &generator))
        case .differs where !hasGreeted:
            // Redis lost the shape, or holds another one, which this says.
            try client.greet(layout)
            hasGreeted = true
        default: throw refusal
        }
        stuck = nil
        guard !isInterrupted else { return }
        window.restart()
        transmit()
    }

    private func showProgress() {
        let now = Clock.monotonicMilliseconds()
        guard now - lastShown >= 200 else { return }
        lastShown = now
        var text = "\(Text.grouped(accepted)) events, \(Text.grouped(Int(Double(accepted) / max(seconds, 0.001))))/s"
        if let size = reader.size, size > 0 { text += ", \(min(100, reader.bytesPassed * 100 / size)) %" }
        if patienceEnd != nil { text += ", waiting for room" }
        Terminal.progress(text)
    }
}
