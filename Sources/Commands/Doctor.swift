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
            Examples:
              tidings doctor
              tidings doctor --verbose                  also what is well
              tidings doctor --fix
              tidings doctor --json | jq '.checks[] | select(.state == "fault")'

            There are three levels. A fault is wrong now or will lose events. A warning may lose or delay events when \
            something else happens. A note is worth knowing. Without --fix nothing is written; it is safe to run at any \
            time, also while the pipeline works.

            --fix makes the repairs that are safe: it loads the functions, ends the leases of dead workers, removes \
            heartbeats of dead processes, corrects `feeds`, sets appendonly and maxmemory-policy. It prints each repair, \
            then examines everything again.

            Exit codes: 0 no fault; 1 a fault; 75 Redis cannot be reached.
            """)

    @Flag(name: .long, help: "Make the repairs that are safe, and print each.")
    var fix = false

    @Flag(name: .long, help: "Also show what is well, and what could not be judged.")
    var verbose = false

    @Flag(name: .long, help: "Print everything as one JSON object.")
    var json = false

    @Option(name: .long, help: "Examine at most that many feeds, picked at random.")
    var feeds = 1000

    @Option(name: .long, help: "Search at most that many keys for those of stages and feeds that are gone.")
    var keys = 100_000

    @Flag(name: .long, help: "Examine all feeds and search all keys, however many there are.")
    var all = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard feeds > 0, keys > 0 else { throw ValidationError("--feeds and --keys take a number above 0") }
    }

    func run() throws {
        let settings = try options.configuration()
        let address = try options.redisAddress(settings)
        let client = try BlockingRedis(address: address, name: "tidings-doctor", loadsFunctions: false)
        func examine() throws -> Report {
            try Report(
                client: client, address: address, expected: settings.layout, limits: settings.limits,
                duplicates: settings.duplicates, feeds: all ? nil : feeds, keys: all ? nil : keys)
        }
        var report = try examine()
        var repairs: [RepairResult] = []
        if fix, !report.repairs.isEmpty {
            repairs = try Repairer(client: client).perform(report.repairs)
            report = try examine()
        }
        let output = DoctorReport(report, repairs: repairs)
        Terminal.write(
            json
                ? JSON.object(output.json).text + "\n"
                : output.text(verbose: verbose, coloured: Terminal.isColoured(STDOUT_FILENO)))
        if report.count(.fault) > 0 { throw ExitCode(1) }
    }
}
