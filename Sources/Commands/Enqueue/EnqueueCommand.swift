import ArgumentParser
import Configuration
import Console
import JSON
import Pipeline

/// `tidings enqueue`: comments from a file or standard input into the pipeline.
struct Enqueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put comments into the pipeline: one JSON object a line.",
        discussion: """
            Examples:
              tidings enqueue comments.ndjson
              tail -f app.log | tidings enqueue -
              tail -n +1001 comments.ndjson | tidings enqueue -      # go on at line 1001

            Each line goes to the first stage of its conversation's partition, in order. A line that is no event is reported
            with its number and left out. While a queue or Redis' memory is full the command waits, --patience at most for
            each batch. Lines of a pipe that pauses are sent at once.

            Exit code: 0 all lines are in, 1 some lines were bad or a key has a foreign type, 75 Redis cannot be reached or
            stayed full, or the command was interrupted. A command that stops says at which line: all lines before it are in,
            and none from there on, so that you can go on from it. Only when the connection broke may some more be in, which
            are counted; to send these again is safe within the duplicate window.
            """)

    @Argument(help: "A file with one JSON object a line, or - for standard input.")
    var file: String = "-"

    enum Group: SettingGroup {
        static let settings = Settings.Enqueue.flags
    }

    @OptionGroup var flags: SettingFlags<Group>

    @Flag(name: .long, help: "Print the counts as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func run() throws {
        let settings = try options.configuration()
        let reader = try LineReader(path: file)
        let client = try BlockingRedis(address: options.redisAddress(settings), name: "tidings-enqueue")
        try client.greet(settings.layout)
        let run = EnqueueRun(
            layout: settings.layout, client: client,
            enqueuer: Enqueuer(layout: settings.layout, limits: settings.limits, connection: client.connection),
            reader: reader, batch: try flags.value(Settings.Enqueue.batch),
            patience: try flags.value(Settings.Enqueue.patience))
        do {
            try run.all()
        } catch {
            guard let known = CommandError(of: error) else { throw error }
            if json { report(run, stoppedAt: run.firstUnsent) }
            let more = run.uncertain > 0 ? " (\(run.uncertain) more may be in)" : ""
            throw known.after("stopped after \(run.accepted) events, at line \(run.firstUnsent) of \(file)\(more)")
        }
        report(run)
        if run.bad > 0 { throw ExitCode(1) }
    }

    /// - Parameter line: the first line that is not in; nil: all are, but for bad ones.
    private func report(_ run: EnqueueRun, stoppedAt line: Int? = nil) {
        if json {
            var object = JSONObject()
            object["enqueued"] = .int(Int64(run.accepted))
            object["bad"] = .int(Int64(run.bad))
            object["stopped_at_line"] = line.map { .int(Int64($0)) }
            object["seconds"] = .double((run.seconds * 1000).rounded() / 1000)
            Terminal.write(object.text + "\n")
        } else {
            let rate = run.seconds > 0 ? Int(Double(run.accepted) / run.seconds) : run.accepted
            let bad = run.bad > 0 ? ", \(run.bad) bad lines left out" : ""
            Terminal.write("\(run.accepted) events enqueued in \(Text.seconds(run.seconds)) (\(rate)/s)\(bad)\n")
        }
    }
}
