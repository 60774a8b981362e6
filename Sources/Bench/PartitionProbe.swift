import Console
import Events
import Glibc
package import Pipeline
import Redis

/// Measures how long one event in each partition takes from the door to its feed.
package struct PartitionProbe {
    package let shape: BenchShape
    package let client: BlockingRedis
    /// A conversation in each partition.
    private let threads: [String]
    private var turn = 0

    package init(shape: BenchShape, client: BlockingRedis) {
        self.shape = shape
        self.client = client
        var found: [Int: String] = [:]
        var number = 0
        while found.count < BenchShape.partitions {
            found[shape.layout.partition(of: "probe\(number)")] = "probe\(number)"
            number += 1
        }
        threads = (0..<BenchShape.partitions).compactMap { found[$0] }
    }

    /// Does something, then gives the milliseconds from there until every partition has published a new event.
    package mutating func measure(_ fault: () -> Void) throws -> Double {
        turn += 1
        let goal = Int64(turn)
        fault()
        let start = Clock.monotonicNanoseconds()
        for (partition, thread) in threads.enumerated() {
            let door = shape.layout.queue(LaneID(stage: LaneID.door, partition: partition))
            _ = try client.call("RPUSH", door, #"{"thread":"\#(thread)","text":"probe \#(turn)"}"#)
        }
        while true {
            let counts = try client.call(
                RedisCommand(words: ["MGET"] + threads.map { "feed.publishes:{thread:\($0)}" }))
            let published = (counts.array ?? []).map { $0.text.flatMap { Int64($0) } ?? 0 }
            let elapsed = Double(Clock.monotonicNanoseconds() - start) / 1e6
            if published.count == threads.count, published.allSatisfy({ $0 >= goal }) { return elapsed }
            if elapsed > 120_000 { throw CommandError("partitions stood still for two minutes: \(published)") }
            usleep(200)
        }
    }
}
