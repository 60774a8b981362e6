import ArgumentParser
import Configuration
import Console
import Diagnostics
import Glibc
import JSON
import Pipeline
import Redis
import Store
import Supervision

/// `tidings doctor`: settings of Redis, invariants of the pipeline over live data, limits of the system.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Examine Redis, the pipeline's data and this host; say what is wrong, where, and what to type.",
        discussion: """
            Three levels: a fault is wrong now or will lose events; a warning may lose or delay them when something else \
            happens; a note is worth knowing. Without --fix nothing is written. It may run at any time, on a pipeline at \
            work as well.

            --fix repairs what is safe: it loads the functions, ends the leases of dead workers, removes heartbeats of \
            dead processes, puts `feeds` right, sets appendonly and maxmemory-policy. Each repair is printed. Then \
            everything is looked at again.

            Exit codes: 0 no fault; 1 a fault; 75 Redis cannot be reached.

            Examples:
              tidings doctor
              tidings doctor --verbose                  what is well, too
              tidings doctor --fix
              tidings doctor --json | jq '.checks[] | select(.state == "fault")'
            """)

    @OptionGroup var options: GlobalOptions

    @Flag(name: .long, help: "Repair what can be repaired safely, and say so.")
    var fix = false

    @Flag(name: .long, help: "Show what is well, and what could not be looked at, too.")
    var verbose = false

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Option(name: .long, help: "Look at that many feeds at most, picked by chance.")
    var feeds = 1000

    @Option(name: .long, help: "Look at that many keys at most, in search of those that belong to nothing.")
    var keys = 100_000

    @Flag(name: .long, help: "Look at all feeds and all keys, however many there are.")
    var all = false

    func validate() throws {
        guard feeds > 0, keys > 0 else { throw ValidationError("--feeds and --keys take a number above 0") }
    }

    func run() throws {
        let settings = try options.configuration()
        let address = try options.redisAddress(settings)
        let client = try BlockingRedis(address: address, name: "tidings-doctor", loadsFunctions: false)
        func examine() throws -> Examination {
            try Examination(
                client: client, address: address, expected: settings.layout, limits: settings.limits,
                duplicates: settings.duplicates, feeds: all ? nil : feeds, keys: all ? nil : keys)
        }
        var report = DoctorReport(try examine())
        if fix, !report.examination.repairs.isEmpty {
            let outcomes = try Repairer(client: client).perform(report.examination.repairs)
            report = DoctorReport(try examine(), outcomes: outcomes)
        }
        Terminal.write(
            json
                ? JSON.object(report.json).text + "\n"
                : report.text(verbose: verbose, coloured: Terminal.isColoured(STDOUT_FILENO)))
        if report.examination.count(.fault) > 0 { throw ExitCode(1) }
    }
}
