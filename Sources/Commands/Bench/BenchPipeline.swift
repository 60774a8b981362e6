import ArgumentParser
import Bench
import Console
import Events
import Glibc
import JSON
import Logging
import Pipeline
import Redis

/// `tidings bench pipeline`: events per second through real worker processes, beside a bare loop that issues the same
/// Redis calls and nothing else.
struct BenchPipeline: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Events per second: three pass-through stages and the default pipeline, each beside a bare loop.",
        discussion: """
            Starts a redis-server of its own (append-only file, everysec), puts a backlog into the queues and times how \
            long worker processes take to empty them. The bare loop is one process that issues the same Redis calls in \
            the same batches and does nothing else with the events. Runs alternate, so that a drift of the machine's \
            speed touches both.

            Example:
              tidings bench pipeline --events 200000 --workers 2
            """)

    @OptionGroup var options: GlobalFlags

    @Option(name: .long, help: "Events in each run of the three stages; the default pipeline takes a quarter.")
    var events: Int = 200_000

    @Option(name: .long, help: "Worker processes.")
    var workers: Int = 2

    @Option(name: .long, help: "Times each pair of runs is repeated.")
    var runs: Int = 3

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    func validate() throws {
        guard (1000...10_000_000).contains(events) else { throw ValidationError("--events takes 1000 to 10000000") }
        guard (1...64).contains(workers), (1...20).contains(runs) else {
            throw ValidationError("--workers takes 1 to 64, --runs 1 to 20")
        }
    }

    func run() throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let logger = try options.logger("bench")
        let server = try BenchServer(folder: folder, logger: logger)
        defer { server.stop() }
        var figures: [BenchFigure] = []
        for shape in [BenchShape.threeStages, .standard] {
            let count = shape.isStandard ? events / 4 : events
            for turn in 1...runs {
                Terminal.progress("\(shape.name), run \(turn) of \(runs): bare loop")
                let bare = try BareLoop(shape: shape, client: server.client()).run(events: count)
                Terminal.progress("\(shape.name), run \(turn) of \(runs): \(workers) workers")
                let full = try BenchRun(shape: shape, server: server, folder: folder, workers: workers)
                    .run(events: count)
                figures.append(BenchFigure(shape: shape.name, workers: full, bare: bare))
            }
        }
        Terminal.clearProgress()
        Terminal.write(json ? BenchFigure.json(figures) : BenchFigure.table(figures, workers: workers))
    }
}
