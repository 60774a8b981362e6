import ArgumentParser
import Bench
import Console

/// `tidings bench check`: fails when an event has become dearer than a file of figures says.
struct BenchCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Compare what an event costs with a file of figures; fail when something got dearer.",
        discussion: """
            Examples:
              tidings bench check --figures Tests/Bench/figures.json
              tidings bench check --figures Tests/Bench/figures.json --record

            Measures the three pass-through stages and the default pipeline, with the worst input and with one that looks \
            like life: processor time of Redis, as a multiple of what plain commands take in the same run, commands, bytes \
            and keys that stay, and instructions of the workers (perf, else callgrind), all for each event. The file says how \
            much room there is for noise. 'make bench-check' runs it with the file of the repository.

            Exit code 1: something is dearer than the room allows.
            """)

    @Option(name: .long, help: "The file with the figures.")
    var figures: String

    @Flag(name: .long, help: "Write what is measured into the file. Its room for noise stays.")
    var record = false

    @Option(name: .long, help: "Times each pipeline is measured; the medians count.")
    var runs = 3

    @Option(name: .long, help: "Events in each run of the default pipeline; the three stages take four times as many.")
    var events = 10_000

    @Flag(name: .long, inversion: .prefixedNo, help: "Count the instructions of workers, which takes longest.")
    var instructions = true

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1...20).contains(runs), (1000...1_000_000).contains(events) else {
            throw ValidationError("--runs takes 1 to 20, --events 1000 to 1000000")
        }
    }

    func run() throws {
        let text = BenchFiles.read(figures)
        guard text != nil || record else {
            throw CommandError("there is no \(figures); write it with --record", exitCode: 2)
        }
        let kept = try text.map { try FigureBook(text: $0, path: figures) }
        let bench = try CheckBench(
            runs: runs, events: events, countsInstructions: instructions, logger: options.logger("bench"))
        var measured = try bench.measure {
            Terminal.writeError("tidings: \($0)\n")
        }
        let report = CheckReport(kept: kept ?? measured, measured: measured)
        Terminal.write(report.text)
        if record {
            if let kept { measured.room = kept.room }
            try BenchFiles.write(measured.text, to: figures)
            return Terminal.write("written to \(figures)\n")
        }
        if !report.cheaper.isEmpty {
            Terminal.write("cheaper than what is kept: record it with --record (make bench-check RECORD=1)\n")
        }
        guard report.dearer.isEmpty else {
            let names = report.dearer.map { "\($0.name): \($0.metric.title)" }.joined(separator: "; ")
            throw CommandError(
                "dearer than \(figures) allows: \(names). Make it cheaper, or keep the new figures with --record "
                    + "(make bench-check RECORD=1) and say in the commit why")
        }
        Terminal.write("nothing is dearer than \(figures) allows\n")
    }
}
