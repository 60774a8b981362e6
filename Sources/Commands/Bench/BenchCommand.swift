import ArgumentParser
import Bench
import Glibc
import JSON

/// `tidings bench`: load, with figures.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the pipeline and the edge on this machine.",
        subcommands: [
            BenchPipeline.self, BenchDoor.self, BenchCheck.self, BenchEdge.self, BenchJobs.self, BenchTakeover.self,
            BenchIdle.self, BenchMemory.self, BenchAbuse.self, BenchReaders.self, BenchVisitors.self, BenchBare.self,
        ])
}

/// The bare loop for `tidings bench edge`, which starts it.
struct BenchBare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bare", abstract: "The bare loop of a benchmark.", shouldDisplay: false)

    /// Where it writes the port that it listens on.
    @Option var files: String

    func run() throws {
        LoopbackSocket.raiseFileLimit()
        let server = try BareServer()
        try BenchFiles.write(String(server.port), to: files + ".port")
        server.run()
    }
}

/// A process of readers for `tidings bench edge`, which starts it.
struct BenchReaders: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readers", abstract: "Readers for a benchmark.", shouldDisplay: false)

    @Option var port: UInt16
    @Option var style: String
    @Option var crowd: [String]
    @Option var eventBytes: Int
    /// What this process tells others stands in files whose names begin so.
    @Option var files: String
    @Flag var stays = false

    func run() throws {
        LoopbackSocket.raiseFileLimit()
        guard let style = ReaderProtocol(rawValue: style) else { throw ValidationError("unknown style '\(style)'") }
        let crowds = try crowd.map {
            guard let crowd = Crowd($0) else { throw ValidationError("unknown crowd '\($0)'") }
            return crowd
        }
        let pool = try ReaderPool(port: port, style: style, crowds: crowds, event: LoadEvent(size: eventBytes))
        try BenchFiles.write("", to: files + ".ready")
        pool.run(stays: stays) { access(files + ".stop", F_OK) == 0 || getppid() == 1 }
        try BenchFiles.write(JSON.array(pool.tallies.map(\.json)).text, to: files + ".result")
        // Connections that close would be counted as the server's work.
        while kill(getppid(), 0) == 0, getppid() != 1 { usleep(20_000) }
        withExtendedLifetime(pool) {}
    }
}

/// A process of visitors, who connect, ask once and leave, for `tidings bench edge`, which starts it.
struct BenchVisitors: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "visitors", abstract: "Visitors for a benchmark.", shouldDisplay: false)

    @Option var port: UInt16
    @Option var target: String
    @Option var atOnce: Int
    @Option var milliseconds: Int64
    @Option var files: String

    func run() throws {
        LoopbackSocket.raiseFileLimit()
        let churn = try ConnectionChurn(port: port, target: target, atOnce: atOnce)
        churn.run(milliseconds: milliseconds)
        try BenchFiles.write("[\(churn.completed),\(churn.failed)]", to: files + ".result")
    }
}
