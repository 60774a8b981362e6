import ArgumentParser
import Bench

/// `tidings bench abuse`: what strangers can do, and what it costs.
struct BenchAbuse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abuse",
        abstract: "What attacks on a server with default limits cost: memory and keys of Redis.",
        discussion: """
            Example:
              tidings bench abuse

            Starts a redis-server, a worker and an edge of its own, posts what an attacker would, and prints the table of \
            docs/security.md.
            """)

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func run() throws {
        try AbuseBench(json: json, logger: options.logger("bench")).run()
    }
}
