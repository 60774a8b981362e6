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
            happens; a note is worth knowing. Without --fix nothing is written. It may run at any time, also while the \
            pipeline works.

            --fix repairs what is safe: it loads the functions, ends the leases of dead workers, removes the heartbeats \
            of dead processes, corrects `feeds`, sets appendonly and maxmemory-policy. Each repair is printed, then \
            everything is examined again.

            Exit codes: 0 no fault; 1 a fault; 75 Redis cannot be reached.

            Examples:
              tidings doctor
              tidings doctor --verbose                  also the checks that passed
              tidings doctor --fix
              tidings doctor --json | jq '.checks[] | select(.state == "fault")'
            """)

    @OptionGroup var options: GlobalFlags

    @Flag(name: .long, help: "Repair what can be repaired safely, and print each repair.")
    var fix = false

    @Flag(name: .long, help: "Also show the checks that passed, and those that could not be made.")
    var verbose = false

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Option(name: .long, help: "Examine at most this many feeds, picked at random.")
    var feeds = 1000

    @Option(name: .long, help: "Examine at most this many keys when looking for keys that belong to nothing.")
    var keys = 100_000

    @Flag(name: .long, help: "Examine all feeds and all keys.")
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
