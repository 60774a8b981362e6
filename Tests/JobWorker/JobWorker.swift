import Glibc
import Thoonk

/// A worker that a test kills: gets jobs, works on them for a while and finishes them, without end.
///
///     JobWorker REDIS FEED LEDGER BATCH CLAIM_MS WORK_MS
///
/// The result of a job is its item. After a finish that was done, it puts `ID CANCELLED` into the queue LEDGER. A job
/// that is there twice was finished twice; a worker killed in between leaves its jobs out.
@main
struct JobWorker {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let numbers = arguments.dropFirst(4).compactMap { Int($0) }
        guard arguments.count == 7, numbers.count == 3 else {
            let usage = "usage: JobWorker REDIS FEED LEDGER BATCH CLAIM_MS WORK_MS\n"
            _ = write(STDERR_FILENO, usage, usage.utf8.count)
            exit(64)
        }
        let client = try ThoonkClient(redis: arguments[1])
        let job = client.job(arguments[2])
        let ledger = client.queue(arguments[3])
        while true {
            let claims = try await job.get(upTo: numbers[0], claimTimeout: .milliseconds(numbers[1]))
            try await Task.sleep(for: .milliseconds(numbers[2]))
            let outcomes = try await job.finish(claims, results: claims.map(\.bytes))
            let finished = zip(claims, outcomes).filter { $1 == .done }
            try await ledger.put(all: finished.map { "\($0.0.id) \($0.0.cancelled)" })
        }
    }
}
