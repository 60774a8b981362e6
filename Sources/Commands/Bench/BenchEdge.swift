import ArgumentParser
import Bench
import Console
import JSON

/// `tidings bench edge`: readers by the thousand, beside a bare epoll loop and Nchan.
struct BenchEdge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Readers by the thousand: speed, latency, loss and memory, beside a bare epoll loop and Nchan.",
        discussion: """
            Examples:
              tidings bench edge
              tidings bench edge --scenario fanout --readers 10000 --seconds 10 --runs 3

            Each server is started anew for each situation, on this machine, and gets the same readers, in processes of \
            their own, and the same events. Every reader checks that each event comes once and in order. Latencies are \
            counted from the moment an event was due. The bare loop trusts its readers, has no limits, no deadlines and \
            no Redis, and answers each poll with all that is new. Nchan takes part where nginx and libnginx-mod-nchan \
            are installed.

            Situations: polls (processor time of an answer), fanout, stream (100 events/s to everybody), steady \
            (165,000 deliveries/s), channels (2,000 events/s over channels of ten readers), lone (single readers \
            beside a hot channel), connections, memory.
            """)

    /// A server that can take part.
    enum Server: String, CaseIterable, ExpressibleByArgument {
        case bare, tidings, nchan
    }

    @Option(name: .long, help: "A situation; can be repeated. (default: all)")
    var scenario: [EdgeScenario.Name] = []

    @Option(name: .long, help: "A server: bare, tidings, nchan; can be repeated. (default: all)")
    var server: [Server] = []

    @Option(name: .long, help: "Connected readers.")
    var readers = 10_000

    @Option(name: .long, help: "How long events are published in each run.")
    var seconds = 8.0

    @Option(name: .long, help: "How long readers may take after that to get everything, in seconds.")
    var patience = 20.0

    @Option(name: .long, help: "Times each situation is repeated, servers in turn.")
    var runs = 1

    @Option(name: .long, help: "Processes of readers.")
    var generators = 2

    @Option(name: .long, help: "Processes of the edge, and of nginx.")
    var workers = 1

    @Option(name: .long, help: "Bytes of an event.")
    var eventBytes = 200

    @Flag(name: .long, help: "Print the figures as JSON.")
    var json = false

    @OptionGroup var options: GlobalFlags

    func validate() throws {
        guard (100...100_000).contains(readers), (1...600).contains(seconds), (1...600).contains(patience) else {
            throw ValidationError("--readers takes 100 to 100000, --seconds and --patience 1 to 600")
        }
        guard (1...20).contains(runs), (1...16).contains(generators), (1...16).contains(workers) else {
            throw ValidationError("--runs takes 1 to 20, --generators and --workers 1 to 16")
        }
        guard (64...65_536).contains(eventBytes) else { throw ValidationError("--event-bytes takes 64 to 65536") }
    }

    func run() throws {
        try checkFiles()
        var figures: [EdgeFigure] = []
        for name in scenario.isEmpty ? EdgeScenario.Name.allCases : scenario {
            let scenario = EdgeScenario(name, readers: readers, seconds: seconds)
            var rows: [EdgeFigure] = []
            for turn in 1...runs {
                for server in server.isEmpty ? Server.allCases : server {
                    Terminal.progress("\(name.rawValue), run \(turn) of \(runs): \(server.rawValue)")
                    if let figure = try measure(server, scenario) { rows.append(figure) }
                }
            }
            Terminal.clearProgress()
            if !json { Terminal.write(EdgeTable(scenario: scenario, figures: rows).text + "\n") }
            figures += rows
        }
        if json { Terminal.write(JSON.array(figures.map(\.json)).text + "\n") }
    }

    /// Both ends of a connection are files: in the server, and in the processes of readers.
    private func checkFiles() throws {
        let limit = LoopbackSocket.raiseFileLimit()
        let needed = max((readers + workers - 1) / workers, (readers + generators - 1) / generators) + 500
        guard needed <= limit else {
            throw CommandError(
                "\(readers) readers need \(needed) open files in a process, and \(limit) are allowed; give more "
                    + "--workers and --generators, or raise the limit (ulimit -n)", exitCode: 2)
        }
    }

    private func measure(_ server: Server, _ scenario: EdgeScenario) throws -> EdgeFigure? {
        let folder = try BenchFolder()
        defer { folder.remove() }
        let target: any EdgeTarget
        switch server {
        case .bare: target = try BareTarget(folder: folder)
        case .tidings: target = try TidingsTarget(folder: folder, workers: workers, logger: options.logger("bench"))
        case .nchan:
            guard NchanTarget.isInstalled else {
                Terminal.clearProgress()
                Terminal.writeError("Nchan takes no part: apt-get install nginx-light libnginx-mod-nchan\n")
                return nil
            }
            target = try NchanTarget(folder: folder, workers: workers)
        }
        defer { target.stop() }
        return try EdgeRun(
            target: target, scenario: scenario, folder: folder, generators: generators,
            event: LoadEvent(size: eventBytes), patience: patience, firstChannel: 0
        ).run()
    }
}

extension EdgeScenario.Name: ExpressibleByArgument {}
