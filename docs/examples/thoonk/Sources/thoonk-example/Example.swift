import Thoonk

/// Puts jobs, works on them with four workers, and follows the results.
@main
struct Example {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let client = try ThoonkClient(redis: arguments.count > 1 ? arguments[1] : "redis://127.0.0.1:6379/0")
        let sums = client.job("sums")

        // No announcement is missed from here on.
        let events = try await client.events(of: ["sums"])
        let count = 20
        let reader = Task { await follow(events, until: count) }

        try await sums.create(claimTimeout: .seconds(30))
        try await sums.put(all: (1...count).map { "\($0) \($0 * $0)" })

        await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 1...4 {
                group.addTask { try await work(sums) }
            }
        }
        print("announced: \(await reader.value) results")

        let counts = try await sums.counts()
        print("put \(counts.publishes), finished \(counts.finishes), left \(counts.items)")
        try await sums.delete()
        await client.close()
    }

    /// Works on jobs until none has come for 200 ms.
    static func work(_ sums: Job) async throws {
        while let claim = try await sums.get(timeout: .milliseconds(200)) {
            let numbers = claim.text.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2 else {
                // A retry would not help: leave it to a person.
                try await sums.stall(claim)
                continue
            }
            let result = "\(numbers[0]) + \(numbers[1]) = \(numbers[0] + numbers[1])"
            if try await sums.finish(claim, result: result) != .done {
                print("too slow: another worker has claimed job \(claim.id)")
            }
        }
    }

    /// Prints announcements until that many jobs are finished.
    static func follow(_ events: FeedEvents, until count: Int) async -> Int {
        var finished = 0
        for await event in events {
            switch event {
            case .created(let feed): print("created: \(feed)")
            case .finished(_, _, let result):
                finished += 1
                print(String(decoding: result, as: UTF8.self))
            case .missed: print("the connection was lost; some results may be missing here")
            default: break
            }
            if finished == count { break }
        }
        return finished
    }
}
