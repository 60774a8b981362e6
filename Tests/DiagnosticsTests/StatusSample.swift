import JSON
import Pipeline

@testable import Diagnostics

/// A pipeline that is well, for tests to change: two partitions, stages `a` and `b`, a worker and an edge.
struct StatusSample {
    static let time: Int64 = 1_795_000_000_000

    var lanes: [[String: JSON]]
    var processes: [[String: JSON]] = [
        ["id": "w1", "role": "worker", "host": "h1", "pid": "11", "stages": "incoming,a,b", "redis_us": "200"],
        ["id": "e1", "role": "edge", "host": "h1", "pid": "12", "stages": "", "redis_us": "150"],
    ]
    var info = [
        "redis_version": "7.0.15", "used_memory": "1048576", "maxmemory": "0", "maxmemory_policy": "noeviction",
        "aof_enabled": "1", "aof_last_write_status": "ok",
    ]
    var time = StatusSample.time

    init() {
        lanes = ["incoming", "a", "b"].flatMap { stage in
            (0..<2).map { partition in
                [
                    "stage": .string(stage), "partition": .int(Int64(partition)),
                    "queue": "{t.\(partition)}:queue:\(stage)",
                    "waiting": 0, "owner": "w1", "live": true, "paused": false, "in": 10, "out": 10, "dropped": 0,
                    "held": 0, "dead": 0, "attempts": 0, "dead_letters": 0, "held_events": 0,
                ]
            }
        }
    }

    /// Changes all lanes of a stage.
    mutating func change(_ stage: String, _ values: [String: JSON]) {
        for index in lanes.indices where lanes[index]["stage"]?.string == stage { lanes[index].merge(values) { $1 } }
    }

    /// Changes the lane of one partition.
    mutating func change(_ stage: String, _ partition: Int64, _ values: [String: JSON]) {
        for index in lanes.indices where lanes[index]["stage"]?.string == stage {
            if lanes[index]["partition"]?.int == partition { lanes[index].merge(values) { $1 } }
        }
    }

    /// Events that have come and wait before a stage, that many in each lane or in one.
    mutating func wait(_ stage: String, _ partition: Int64? = nil, count: Int64, oldest: Int64 = 100) {
        let values: [String: JSON] = ["waiting": .int(count), "oldest_ms": .int(oldest), "in": .int(10 + count)]
        if let partition { change(stage, partition, values) } else { change(stage, values) }
    }

    /// Sets what a process's heartbeat says.
    mutating func change(process: Int, _ values: [String: JSON]) {
        processes[process].merge(values) { $1 }
    }

    /// What `tidings_stats` would reply.
    var stats: StatsReply {
        func object(_ values: [String: JSON]) -> JSON {
            .object(JSONObject(members: values.map { (key: $0.key, value: $0.value) }))
        }
        let document: JSONObject = [
            "pipeline": "t", "time": .int(time), "partitions": 2, "stages": ["a", "b"], "feeds": 3,
            "lanes": .array(lanes.map(object)),
            "processes": .array(processes.map { object(["beat": .string(String(time - 1000))].merging($0) { $1 }) }),
        ]
        return StatsReply(document)
    }

    /// What status makes of it.
    func report(
        earlier: PipelineFacts? = nil, limits: PipelineLimits = PipelineLimits(), redisCLI: String = "redis-cli"
    ) -> StatusReport {
        StatusReport(stats, info: info, earlier: earlier, limits: limits, redisCLI: redisCLI)
    }
}
