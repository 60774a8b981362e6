import TestSupport

/// Swift processes that work on the jobs of a feed; one that is killed is replaced.
struct WorkerCrew {
    /// How many jobs one of them holds at a time.
    static let batch = 40
    /// The queue into which they write what they have finished.
    static let ledger = "ledger"

    private(set) var kills = 0
    private var workers: [ChildProcess] = []
    private let arguments: [String]
    private let program: String

    /// Starts `size` workers on the feed of that name.
    ///
    /// - Parameter work: how long a batch takes, in ms. Claims end after a second.
    init(of size: Int, on server: RedisServer, feed: String, work: Int) throws {
        program = try BuiltProgram.path(of: "JobWorker")
        arguments = [server.url, feed, Self.ledger, "\(Self.batch)", "1000", "\(work)"]
        for _ in 0..<size { workers.append(try ChildProcess(program, arguments)) }
    }

    /// SIGKILL to one of them, which another replaces.
    ///
    /// - Throws: when one had ended by itself.
    mutating func kill(using random: inout SplitMix64) throws {
        for worker in workers where !worker.isRunning {
            throw TestSupportError("a worker ended by itself: \(worker.errors.suffix(2000))")
        }
        let place = Int.random(in: workers.indices, using: &random)
        workers[place].kill()
        try worker(workers[place], endedBy: 9)
        workers[place] = try ChildProcess(program, arguments)
        kills += 1
    }

    private func worker(_ worker: ChildProcess, endedBy signal: Int32) throws {
        guard try worker.wait(within: 10) == .signal(signal) else {
            throw TestSupportError("a worker was not killed: \(worker.errors.suffix(2000))")
        }
    }
}
