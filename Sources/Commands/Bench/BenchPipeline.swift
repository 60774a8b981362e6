import ArgumentParser
import Bench
import Console
import Glibc
import JSON

/// `tidings bench pipeline`: events per second through real worker processes, and what each event costs Redis, beside a
/// bare loop that issues the same Redis calls and nothing else, and beside another build.
struct BenchPipeline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Events per second and the cost in Redis: three pass-through stages and the default pipeline.",
        discussion: """
            Examples:
              tidings bench pipeline --events 200000 --workers 2
              tidings bench pipeline --beside ./tidings-before --events 60000 --runs 2
              tidings bench pipeline --input life --seed 7 --only default
              tidings bench pipeline --input comments.ndjson --commands
              tidings bench pipeline --only default --latency --latency-seconds 20

            Starts a redis-server of its own (append-only file, everysec), puts a backlog into the queues and times how \
            long worker processes take to empty them. The bare loop is one process that issues the same Redis calls in \
            the same batches and does nothing else with the events. Runs alternate, so that a drift of the machine's \
            speed touches both.

            Inputs: worst (comments of about 400 bytes over 500 conversations and 2,000 authors, evenly, hardly any two alike), \
            life (authors and threads by Zipf's law, texts and names as long as people make them, answers, 3 % edits and \
            2 % deletions of earlier comments, from a seed), or a file with one event a line, which begins anew with fresh \
            ids when it is too short. The bare loop knows what the default pipeline does with the worst input only.

            For each run: processor time of Redis, commands (those inside functions included), bytes and keys that stay, \
            all for each event; the longest call, and how many took over 5 ms.

            --latency: events are sent to the default pipeline at 10, 50 and 90 % of the rate that it reached, each at its \
            time whatever became of those before it. A latency counts from when its event was due to its announcement in \
            the channel of its thread.

            --beside measures another tidings binary in the same run, in pairs, with workers, a function library and a \
            redis-server of its own.
            """)

    /// A pipeline that can be measured.
    enum Pipeline: String, CaseIterable, ExpressibleByArgument {
        case stages, `default`
    }

    @Option(name: .long, help: "Events in each run of the three stages; the default pipeline takes a quarter.")
    var events: Int = 200_000

    @Option(name: .long, help: "What the events are like: worst, life, or the path of an NDJSON file.")
    var input = "worst"

    @Option(name: .long, help: "What decides the events of --input life.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "Worker processes.")
    var workers: Int = 2

    @Option(name: .long, help: "Times each pair of runs is repeated.")
    var runs: Int = 3

    @Option(name: .long, help: "Another tidings binary to measure in turn with this one.")
    var beside: String?

    @Option(name: .long, help: "Measure one pipeline only: stages (three pass-through), default.")
    var only: Pipeline?

    @Option(
        name: .long,
        help: "How long a commit of this program's workers should hold Redis, in ms; 0: any time. (default: call_time)")
    var callTime: Int?

    @Flag(name: .long, help: "Also measure the time from door to feed, at 10, 50 and 90 % of the rate found.")
    var latency = false

    @Option(name: .long, help: "How long events are sent at each of these rates, in seconds.")
    var latencySeconds = 10.0

    @Flag(name: .long, help: "Also print which functions and commands take the time of Redis.")
    var commands = false

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1000...10_000_000).contains(events) else { throw ValidationError("--events takes 1000 to 10000000") }
        guard (1...64).contains(workers), (1...20).contains(runs) else {
            throw ValidationError("--workers takes 1 to 64, --runs 1 to 20")
        }
        guard (0...1000).contains(callTime ?? 0) else { throw ValidationError("--call-time takes 0 to 1000") }
        guard (1...600).contains(latencySeconds), !latency || only != .stages else {
            throw ValidationError("--latency-seconds takes 1 to 600, and --latency needs the default pipeline")
        }
        if let beside, access(beside, X_OK) != 0 || !beside.contains("/") {
            throw ValidationError("--beside takes the path of a program, and '\(beside)' is none")
        }
    }

    private func events(of name: String) throws -> BenchInput {
        switch name {
        case "worst": .worst
        case "life": .life(seed: seed)
        default: .file(try CommentFile(path: name))
        }
    }

    func run() throws {
        let input = try events(of: self.input)
        let logger = try options.logger("bench")
        let subject = try BenchSubject(logger: logger)
        defer { subject.stop() }
        let other = try beside.map { try BenchSubject(program: $0, logger: logger) }
        defer { other?.stop() }
        var figures: [BenchFigure] = []
        for shape in only.map({ [$0.shape] }) ?? Pipeline.allCases.map(\.shape) {
            let count = shape.isStandard ? events / 4 : events
            for turn in 1...runs {
                func measured<Result>(_ name: String, _ run: () throws -> Result) throws -> Result {
                    Terminal.progress("\(shape.name), run \(turn) of \(runs): \(name)")
                    return try run()
                }
                func others() throws -> BenchResult? {
                    try other.map { other in
                        try measured("beside") {
                            try BenchRun(
                                shape: shape, subject: other, input: input, workers: workers, logsCalls: commands
                            ).run(
                                events: count)
                        }
                    }
                }
                let bare =
                    try !BareLoop.knows(shape, input)
                    ? nil
                    : measured("bare loop") {
                        try BareLoop(shape: shape, subject: subject, input: input).run(events: count)
                    }
                // Whoever comes second has the warmer machine, so they take turns in that as well.
                let before = turn.isMultiple(of: 2) ? try others() : nil
                let own = callTime.map(shape.with(callTime:)) ?? shape
                let full = try measured("\(workers) workers") {
                    try BenchRun(shape: own, subject: subject, input: input, workers: workers, logsCalls: commands)
                        .run(events: count)
                }
                let after = turn.isMultiple(of: 2) ? nil : try others()
                figures.append(
                    BenchFigure(
                        shape: shape.name, input: input, workers: full, bare: bare, beside: before ?? after))
            }
        }
        var found: [(name: String, figures: [LatencyFigure])] = []
        if latency {
            found.append(("this program", try latencies(of: subject, figures, input)))
            if let other { found.append(("beside", try latencies(of: other, figures, input))) }
        }
        Terminal.clearProgress()
        report(figures, found)
    }

    private func latencies(
        of subject: BenchSubject, _ figures: [BenchFigure], _ input: BenchInput
    ) throws -> [LatencyFigure] {
        let rates = figures.filter { $0.shape == BenchShape.standard.name }.compactMap { figure in
            (subject.isThisProgram ? figure.workers : figure.beside)?.eventsPerSecond
        }
        return try DoorLatency(subject: subject, workers: workers, seconds: latencySeconds)
            .run(found: Spread(rates).median, percents: [10, 50, 90], input: input)
    }

    private func report(_ figures: [BenchFigure], _ latencies: [(name: String, figures: [LatencyFigure])]) {
        if json {
            var rows = figures.map(\.json)
            for (name, figures) in latencies {
                var row = JSONObject()
                row["pipeline"] = .string(BenchShape.standard.name)
                row["latency_of"] = .string(name)
                row["door_to_feed"] = .array(figures.map(\.json))
                rows.append(.object(row))
            }
            return Terminal.write(JSON.array(rows).text + "\n")
        }
        let table = BenchTable(figures, workers: workers)
        let parts = [table.text] + latencies.map { LatencyFigure.table($0.figures, title: $0.name) }
        Terminal.write((parts + (commands ? [table.commands] : [])).joined(separator: "\n"))
    }
}

extension BenchPipeline.Pipeline {
    fileprivate var shape: BenchShape {
        switch self {
        case .stages: .threeStages
        case .default: .standard
        }
    }
}
