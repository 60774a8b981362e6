import Glibc
import Supervision
import TestSupport

/// Real edges under their supervisor, as `tidings edge` starts them, for tests in which something is taken away.
final class EdgePool {
    let process: ChildProcess
    /// The port that all of them share.
    let port: UInt16

    /// Starts them and waits until they are ready.
    ///
    /// - Parameters:
    ///   - redis: the server's address, or that of a line to it.
    ///   - arguments: more flags of `edge`.
    init(_ redis: String, workers: Int, arguments: [String] = []) throws {
        let process = try TidingsBinary.launch(
            ["edge", "--workers", "\(workers)", "--listen", "127.0.0.1:0", "--redis", redis] + arguments)
        self.process = process
        var found: UInt16?
        try eventually(within: 20, "the edge says where it is: \(process.output)\(process.errors)") {
            guard process.isRunning else { throw TestSupportError("the edge has ended: \(process.errors)") }
            let line = process.output.split(separator: "\n", omittingEmptySubsequences: false)
            found = line.count < 2 ? nil : line[0].split(separator: ":").last.flatMap { UInt16($0) }
            return found != nil
        }
        guard let found else { throw TestSupportError("the edge has no port") }
        port = found
        try eventually(within: 20, "\(workers) edges are ready: \(process.errors)") {
            pids.count == workers && readiness() == 200
        }
    }

    /// The processes that serve now; two for a place while one takes over from the other.
    var pids: Set<Int32> {
        Set(ProcessTable.descendants(of: process.pid).filter { $0.command.contains(" --child ") }.map(\.pid))
    }

    /// What `/ready` is answered with, over a connection of its own; 0 when nobody answers.
    func readiness() -> Int {
        (try? HTTPClient(port: port, timeout: 5).get("/ready").status) ?? 0
    }

    /// Waits until none of these serves any more and as many others do.
    func waitUntilReplaced(_ old: Set<Int32>) throws {
        try eventually(within: 40, "others than \(old) serve, not \(pids); log: \(process.errors)", every: 0.05) {
            let now = pids
            return now.count >= old.count && now.isDisjoint(with: old) && readiness() == 200
        }
    }
}
