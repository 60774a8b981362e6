import ArgumentParser
import Bench
import Load

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
