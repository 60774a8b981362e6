import Pipeline
import Store

@testable import Diagnostics

extension Facts {
    /// A pipeline of two partitions and two stages at work, on a Redis and a host without a fault.
    static var sound: Facts {
        let now = RuleTests.now
        let layout = PipelineLayout(name: "comments", partitions: 2, stages: ["format", "publish"])
        let server = ServerFacts(info: [
            "redis_version": "7.0.15", "role": "master", "run_id": "abc", "aof_enabled": "1",
            "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "rdb_last_bgsave_status": "ok",
            "maxmemory_policy": "noeviction", "evicted_keys": "0", "used_memory": "100000000",
            "maxmemory": "1000000000",
            "total_system_memory": "8000000000", "connected_clients": "10", "maxclients": "10000",
            "rejected_connections": "0",
        ])
        let settings = ServerSettings(values: [
            "appendfsync": "always",
            "client-output-buffer-limit": "normal 0 0 0 slave 0 0 0 pubsub 33554432 8388608 60",
            "timeout": "0", "tcp-keepalive": "300", "dir": "/var/lib/redis", "save": "", "disable-thp": "yes",
        ])
        let probes = ServerProbes(
            pings: [40, 50, 60], libraryVersion: PipelineRules.libraryVersion, time: now, localTime: now)
        var pipeline = PipelineFacts(layout: layout)
        pipeline.time = now
        var keys = KeyFacts(expected: layout)
        keys.config = ["contract": String(PipelineLayout.contract), "partitions": "2", "stages": "format,publish"]
        keys.partitions = (0..<2).map {
            KeyFacts.Partition(
                number: $0, epoch: 7, runID: "abc",
                seen: [.init(key: "{comments.\($0)}:seen:new", count: 5, expires: true)])
        }
        pipeline.lanes = layout.lanes.map { lane in
            LaneFacts(
                id: lane,
                fields: [
                    "owner": "w1", "token": "1000", "deadline": "1000", "in": lane.isIncoming ? "10" : "14", "out": "7",
                    "dropped": "1", "held": "1", "dead": "1",
                ], waiting: 4, time: now)
        }
        pipeline.processes = [
            ProcessFacts(
                id: "w1", beat: now - 1000, fields: ["role": "worker", "stages": "incoming,format,publish"]),
            ProcessFacts(id: "e1", beat: now - 1000, fields: ["role": "edge"]),
        ]
        var feeds = FeedsFacts()
        feeds.listed = 1
        feeds.time = now
        feeds.feeds = [
            FeedFacts(
                name: "{thread:1}", type: "feed", maxLength: 100, lifetime: 604_800_000, born: now - 9000,
                publishes: 12,
                idCount: 12, itemCount: 12, oldest: 1, newest: 12, newestTime: Double(now - 100))
        ]
        let system = SystemFacts(
            processors: 4, filesHard: 1 << 20, acceptQueue: 4096, synQueue: 4096, ports: 32768...60999,
            memoryTotal: 8 << 30, memoryAvailable: 4 << 30, overcommit: 1, hugePagesAlways: false, diskFree: 50 << 30,
            diskPath: "/var/lib/redis")
        return Facts(
            redisCLI: "redis-cli", limits: PipelineLimits(), server: server, pipeline: pipeline, settings: settings,
            probes: probes, keys: keys, feeds: feeds, system: system)
    }
}
