import ArgumentParser
import Bench
import JSON
import Load

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
