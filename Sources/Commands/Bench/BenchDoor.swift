import ArgumentParser
import Bench
import Console
import JSON

/// `tidings bench door`: events per second at each door, beside a bare loop of `RPUSH`.
struct BenchDoor: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "door",
        abstract: "Events per second that come in: enqueue, POST and RPUSH, each beside a bare pipelined RPUSH.",
        discussion: """
            Examples:
              tidings bench door
              tidings bench door --situation busy --door bare --door file --runs 5

            Starts a redis-server of its own (append-only file, everysec) and brings comments of 400 bytes in at each door, \
            in turn, so that a drift of the machine's speed touches all. The bare loop sends one RPUSH an event, all of them \
            pipelined and encoded before, into a list that nobody reads. `enqueue` is the real program with the time that \
            it needs to start, POST sends 500 comments a request to a real edge over four connections. RPUSH to \
            NAME:incoming is the bare loop with a worker that gives each event its partition.

            Situations: idle (no other worker), busy (workers publish a backlog of as many events through all five stages \
            meanwhile; a tenth of the events comes in).
            """)

    @Option(name: .long, help: "A situation: idle, busy; can be repeated. (default: both)")
    var situation: [DoorBench.Situation] = []

    @Option(name: .long, help: "A door: bare, file, pipe, post, push; can be repeated. (default: all)")
    var door: [Door] = []

    @Option(name: .long, help: "Events in each run.")
    var events = 300_000

    @Option(name: .long, help: "Worker processes when the pipeline is busy.")
    var workers = 2

    @Option(name: .long, help: "Times each door is measured.")
    var runs = 3

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1000...2_000_000).contains(events) else { throw ValidationError("--events takes 1000 to 2000000") }
        guard (1...64).contains(workers), (1...20).contains(runs) else {
            throw ValidationError("--workers takes 1 to 64, --runs 1 to 20")
        }
    }

    func run() throws {
        let bench = DoorBench(events: events, runs: runs, workers: workers, logger: try options.logger("bench"))
        var rows: [JSON] = []
        for situation in situation.isEmpty ? DoorBench.Situation.allCases : situation {
            let figures = try bench.run(situation, doors: door.isEmpty ? Door.allCases : door)
            Terminal.clearProgress()
            let title = situation == .idle ? "idle" : "busy, \(workers) workers"
            if !json { Terminal.write(DoorFigure.table(figures, title: title) + "\n") }
            rows += DoorFigure.json(figures, situation: situation.rawValue)
        }
        if json { Terminal.write(JSON.array(rows).text + "\n") }
    }
}

extension DoorBench.Situation: ExpressibleByArgument {}
extension Door: ExpressibleByArgument {}
