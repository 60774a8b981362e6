import ArgumentParser
import Bench

/// `tidings bench takeover`: how long conversations stand still when the worker that serves them is killed.
struct BenchTakeover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover",
        abstract: "Time from kill -9 of a worker until every partition publishes again.",
        discussion: """
            Example:
              tidings bench takeover --kills 50

            Starts a redis-server of its own and a pool of workers. Each turn pushes one event into the door of each \
            partition and waits until all are published: once with the pool at peace, once right after kill -9 of a \
            worker. Every partition has lanes of every worker, so all of them are hit by each kill.
            """)

    @Option(name: .long, help: "Workers killed, one at a time.")
    var kills = 50

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Flag(name: .long, help: "Print the figures as JSON, in milliseconds.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1...10_000).contains(kills) else { throw ValidationError("--kills takes 1 to 10000") }
        guard (2...64).contains(workers) else {
            throw ValidationError("--workers takes 2 to 64")
        }
    }

    func run() throws {
        try TakeoverBench(kills: kills, workers: workers, json: json, logger: options.logger("bench")).run()
    }
}

/// `tidings bench idle`: what pools cost that have nothing to do.
struct BenchIdle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Processor time, Redis commands and memory of pools that have nothing to do.",
        discussion: """
            Example:
              tidings bench idle --seconds 60

            Starts a redis-server of its own, a pool of workers and a pool of edges, lets them settle, and watches. \
            Commands are counted by the server, those inside functions included.
            """)

    @Option(name: .long, help: "How long to watch.")
    var seconds = 30

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Option(name: .long, help: "Edge processes; 0: none.")
    var edges = 2

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 3600") }
        guard (1...64).contains(workers), (0...64).contains(edges) else {
            throw ValidationError("--workers takes 1 to 64, --edges 0 to 64")
        }
    }

    func run() throws {
        try IdleBench(
            seconds: seconds, workers: workers, edges: edges, json: json, logger: options.logger("bench")
        ).run()
    }
}

/// `tidings bench memory`: a worker's memory at rest, before and after many events.
struct BenchMemory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Memory of workers at rest, before and after millions of events.",
        discussion: """
            Example:
              tidings bench memory --events 5000000

            Starts a redis-server of its own and a pool of workers, and sends comments through all five stages into the \
            feeds of 500 threads and a forum, a backlog at a time. Private memory is what the process has alone.
            """)

    @Option(name: .long, help: "Events in all.")
    var events = 5_000_000

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Flag(name: .long, help: "Print the figures as JSON, in KiB.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (1000...100_000_000).contains(events) else { throw ValidationError("--events takes 1000 to 100000000") }
        guard (1...64).contains(workers) else { throw ValidationError("--workers takes 1 to 64") }
    }

    func run() throws {
        try MemoryBench(events: events, workers: workers, json: json, logger: options.logger("bench")).run()
    }
}
