import Pipeline
import Store

@testable import Diagnostics

extension RuleTests {
    static let cases: [Case] = redis + pipeline + feeds + system

    private static let redis = [
        Case("Redis 6.2 has no functions", "redis-version", .fault) { $0.server.info["redis_version"] = "6.2.14" },
        Case("Redis 8 is well", "redis-version", nil) { $0.server.info["redis_version"] = "8.2.1" },
        Case("a replica takes no writes", "redis-role", .fault) { $0.server.info["role"] = "slave" },
        Case("CONFIG is denied", "redis-config-readable", .note) { $0.settings?.denied = "NOPERM" },
        Case("no append-only file", "redis-append-only", .warning) { $0.server.info["aof_enabled"] = "0" },
        Case("the disk is written each second", "redis-append-fsync", .note) {
            $0.settings?.values["appendfsync"] = "everysec"
        },
        Case("nobody forces the disk", "redis-append-fsync", .warning) { $0.settings?.values["appendfsync"] = "no" },
        Case("the append-only file cannot be written", "redis-disk-writes", .fault) {
            $0.server.info["aof_last_write_status"] = "err"
        },
        Case("the append-only file cannot be rewritten", "redis-disk-writes", .warning) {
            $0.server.info["aof_last_bgrewrite_status"] = "err"
        },
        Case("a failed snapshot stops writes", "redis-disk-writes", .fault) {
            $0.server.info["rdb_last_bgsave_status"] = "err"
            $0.settings?.values["save"] = "3600 1"
        },
        Case("a failed snapshot that nobody asked for", "redis-disk-writes", .note) {
            $0.server.info["rdb_last_bgsave_status"] = "err"
            $0.settings?.values["save"] = ""
        },
        Case("queues may be evicted", "redis-eviction", .fault) { $0.server.info["maxmemory_policy"] = "volatile-ttl" },
        Case("keys were evicted", "redis-evicted", .warning) { $0.server.info["evicted_keys"] = "3" },
        Case("no limit of memory", "redis-memory", .note) { $0.server.info["maxmemory"] = "0" },
        Case("no limit, and half of the host is used", "redis-memory", .warning) {
            $0.server.info["maxmemory"] = "0"
            $0.server.info["used_memory"] = "6000000000"
        },
        Case("memory is nearly full", "redis-memory", .warning) { $0.server.info["used_memory"] = "850000000" },
        Case("memory is full", "redis-memory", .fault) { $0.server.info["used_memory"] = "990000000" },
        Case("the limit is larger than the host", "redis-memory", .warning) {
            $0.server.info["maxmemory"] = "20000000000"
        },
        Case("a small buffer for pub/sub", "redis-output-buffers", .warning) {
            $0.settings?.values["client-output-buffer-limit"] = "normal 0 0 0 pubsub 1048576 524288 60"
        },
        Case("a limit for normal clients", "redis-output-buffers", .warning) {
            $0.settings?.values["client-output-buffer-limit"] = "normal 1048576 0 0 pubsub 33554432 8388608 60"
        },
        Case("no limits of buffers at all", "redis-output-buffers", nil) {
            $0.settings?.values["client-output-buffer-limit"] = "normal 0 0 0 slave 1 1 1 pubsub 0 0 0"
        },
        Case("a timeout between heartbeats", "redis-timeout", .warning) { $0.settings?.values["timeout"] = "5" },
        Case("a long timeout", "redis-timeout", .note) { $0.settings?.values["timeout"] = "300" },
        Case("no keep-alive over TCP", "redis-keepalive", .note) {
            $0.settings?.values["tcp-keepalive"] = "0"
            $0.server.isUnixSocket = false
        },
        Case("no keep-alive over a socket", "redis-keepalive", nil) { $0.settings?.values["tcp-keepalive"] = "0" },
        Case("many clients", "redis-clients", .warning) { $0.server.info["connected_clients"] = "8500" },
        Case("too many clients", "redis-clients", .fault) { $0.server.info["connected_clients"] = "9900" },
        Case("clients were refused", "redis-clients", .note) { $0.server.info["rejected_connections"] = "1" },
        Case("Redis is far away", "redis-latency", .warning) { $0.probes?.pings = [1500, 1600, 1700] },
        Case("one slow PING is no distance", "redis-latency", nil) { $0.probes?.pings = [50, 60, 9000] },
        Case("a slow command", "redis-slow-commands", .note) {
            $0.probes?.slowCalls = [.init(time: now / 1000 - 10, microseconds: 20_000, command: "KEYS *")]
        },
        Case("a very slow command", "redis-slow-commands", .warning) {
            $0.probes?.slowCalls = [.init(time: now / 1000 - 10, microseconds: 200_000, command: "KEYS *")]
        },
        Case("a slow command of yesterday", "redis-slow-commands", nil) {
            $0.probes?.slowCalls = [.init(time: now / 1000 - 86_400, microseconds: 200_000, command: "KEYS *")]
        },
        Case("tracking is denied", "redis-tracking", .warning) { $0.probes?.trackingDenied = "NOPERM" },
        Case("clocks differ", "redis-clock", .note) { $0.probes?.localTime += 10_000 },
        Case("clocks differ much", "redis-clock", .warning) { $0.probes?.localTime -= 100_000 },
    ]

    private static let pipeline = [
        Case("the functions are gone", "functions", .warning) { $0.probes?.libraryVersion = nil },
        Case("the functions are old", "functions", .warning) { $0.probes?.libraryVersion = 0 },
        Case("the functions are newer", "functions", .note) { $0.probes?.libraryVersion = 999 },
        Case("nothing has run here yet", "pipeline-config", .note) {
            $0.keys?.config = [:]
            for index in $0.pipeline.lanes.indices { $0.pipeline.lanes[index].fields = [:] }
        },
        Case("the configuration is gone", "pipeline-config", .fault) { $0.keys?.config = [:] },
        Case("the configuration is broken", "pipeline-config", .fault) { $0.keys?.config["partitions"] = "many" },
        Case("other partitions here", "pipeline-differs", .warning) { $0.keys?.config["partitions"] = "4" },
        Case("another contract", "pipeline-differs", .fault) { $0.keys?.config["contract"] = "99" },
        Case("an old epoch while processes live", "epoch", .warning) { $0.keys?.partitions[1].runID = "other" },
        Case("an old epoch, and nobody lives", "epoch", .note) {
            $0.keys?.partitions[1].runID = "other"
            $0.pipeline.processes = []
        },
        Case("epochs differ", "epoch", .warning) { $0.keys?.partitions[1].epoch = 8 },
        Case("events are nowhere", "lane-balance", .fault) { $0.pipeline.lanes[2].fields["out"] = "1" },
        Case("more events than came", "lane-balance", .fault) { $0.pipeline.lanes[2].waiting += 1 },
        Case("what waits before a door has not arrived", "lane-balance", nil) { $0.pipeline.lanes[0].waiting = 500 },
        Case("a door that lost one", "lane-balance", .fault) { $0.pipeline.lanes[0].fields["in"] = "11" },
        Case("a dead owner that others leave alone", "lane-owner", .fault) {
            $0.pipeline.lanes[2].fields["owner"] = "ghost"
        },
        Case("a dead owner, and no worker", "lane-owner", .warning) {
            $0.pipeline.processes = []
        },
        Case("a silent owner with a running lease", "lane-owner", .note) {
            $0.pipeline.lanes[2].fields["owner"] = "ghost"
            $0.pipeline.lanes[2].fields["deadline"] = String(now + 5000)
        },
        Case("a lease without end", "lane-owner", .fault) {
            $0.pipeline.lanes[2].fields["owner"] = "ghost"
            $0.pipeline.lanes[2].fields["deadline"] = String(now + 500_000)
        },
        Case("a silent owner whose lease is longer, since workers came back too late", "lane-owner", .note) {
            $0.pipeline.lanes[2].fields["owner"] = "ghost"
            $0.pipeline.lanes[2].fields["deadline"] = String(now + 100_000)
            $0.pipeline.lanes[2].fields["tried"] = #"[["1","ghost",2]]"#
        },
        Case("an owner whose hash has expired within its long lease", "lane-owner", nil) {
            $0.limits.lease = 60_000
            $0.pipeline.processes[0].fields = [:]
            $0.pipeline.processes[0].beat = now - 40_000
        },
        Case("a lane that stays free among workers", "lane-unserved", .warning) {
            $0.pipeline.lanes[2].fields["owner"] = ""
            $0.earlier = $0.pipeline
        },
        Case("a lane that is free for a moment", "lane-unserved", .note) {
            $0.pipeline.lanes[2].fields["owner"] = ""
        },
        Case("workers for all stages but one", "lane-unserved", .fault) {
            $0.pipeline.processes[0].fields["stages"] = "incoming,format"
            for index in $0.pipeline.lanes.indices where $0.pipeline.lanes[index].id.stage == "publish" {
                $0.pipeline.lanes[index].fields["owner"] = ""
            }
        },
        Case("edges without a worker", "lane-unserved", .fault) { $0.pipeline.processes.remove(at: 0) },
        Case("no worker, nothing waits", "lane-unserved", .note) {
            $0.pipeline.processes = []
            for index in $0.pipeline.lanes.indices { $0.pipeline.lanes[index].waiting = 0 }
        },
        Case("no worker, events wait", "lane-unserved", .warning) { $0.pipeline.processes = [] },
        Case("a token that is no number", "lane-token", .fault) { $0.pipeline.lanes[2].fields["token"] = "x" },
        Case("a token from the future", "lane-token", .note) {
            $0.pipeline.lanes[2].fields["token"] = String((now + 100_000) * 1000)
        },
        Case("a paused lane", "lane-paused", .warning) { $0.pipeline.lanes[2].fields["paused"] = "1" },
        Case("a resumed lane", "lane-paused", nil) { $0.pipeline.lanes[2].fields["paused"] = "0" },
        Case("an event that kills", "lane-stuck", .warning) { $0.pipeline.lanes[2].fields["attempts"] = "2" },
        Case("a full queue", "queue-full", .warning) { $0.limits.queueEvents = 3 },
        Case("queues without a limit", "queue-full", nil) { $0.limits.queueEvents = 0 },
        Case("events that are late", "stage-late", .warning) { $0.pipeline.lanes[2].oldest = 40_000 },
        Case("events that are late in a stage that moves", "stage-late", .note) {
            $0.pipeline.lanes[2].oldest = 40_000
            $0.earlier = $0.pipeline
            $0.earlier?.time -= 2000
            $0.earlier?.lanes[2].fields["out"] = "6"
        },
        Case("events that are late in a paused stage", "stage-late", nil) {
            $0.pipeline.lanes[2].oldest = 40_000
            $0.pipeline.lanes[2].fields["paused"] = "1"
        },
        Case("workers without an edge", "edge-missing", .warning) { $0.pipeline.processes.remove(at: 1) },
        Case("no process at all", "edge-missing", .note) { $0.pipeline.processes = [] },
        Case("a silent process", "process-silent", .warning) { $0.pipeline.processes[1].beat = now - 9000 },
        Case("a process that ends is silent", "process-silent", nil) {
            $0.pipeline.processes[1].beat = now - 9000
            $0.pipeline.processes[1].fields["leaving"] = "1"
        },
        Case("a process to which Redis answers late", "process-round-trip", .warning) {
            $0.pipeline.processes[1].fields["redis_us"] = "20000"
        },
        Case("a stale heartbeat", "process-stale", .note) {
            $0.pipeline.processes.append(ProcessFacts(id: "ghost", beat: now - 60_000))
        },
        Case("a heartbeat from the future", "process-future", .fault) {
            $0.pipeline.processes.append(ProcessFacts(id: "ghost", beat: now + 60_000))
        },
        Case("a live process from the future", "process-future", .note) {
            $0.pipeline.processes[0].beat = now + 60_000
        },
        Case("a foreign key", "key-type", .fault) {
            $0.keys?.foreignKeys = [.init(key: "k", expected: "list", actual: "string")]
        },
        Case("stranded events", "stranded-events", .fault) {
            $0.keys?.strayKeys = [.init(key: "k", kind: "queue", partition: 0, stage: "score", length: 1)]
        },
        Case("a leftover lane strands nothing", "stranded-events", nil) {
            $0.keys?.strayKeys = [.init(key: "k", kind: "lane", partition: 0, stage: "score", length: 0)]
        },
        Case("leftover letters", "leftover-letters", .note) {
            $0.keys?.strayKeys = [.init(key: "k", kind: "held", partition: 7, stage: "score", length: 2)]
        },
        Case("a full list of letters", "letters-full", .warning) { $0.pipeline.lanes[2].deadLetters = 10_000 },
        Case("letters that fell off", "letters-full", .note) { $0.pipeline.lanes[2].fields["held:forgotten"] = "3" },
        Case("dead letters", "letters", .warning) { $0.pipeline.lanes[2].deadLetters = 1 },
        Case("held events", "letters", .note) { $0.pipeline.lanes[2].heldEvents = 1 },
        Case("too many ids seen", "seen-bounds", .warning) { $0.keys?.partitions[0].seen[0].count = 200_000 },
        Case("ids seen for ever", "seen-bounds", .warning) { $0.keys?.partitions[0].seen[0].expires = false },
    ]

    private static let feeds = [
        Case("a foreign key of a feed", "feed-key-type", .fault) {
            $0.feeds?.foreignKeys = [.init(key: "k", expected: "hash", actual: "string")]
        },
        Case("a feed without keys", "feed-listed", .warning) { $0.feeds?.feeds.append(FeedFacts(name: "{x}")) },
        Case("a feed that is not listed", "feed-listed", .warning) { $0.feeds?.feeds[0].isListed = false },
        Case("pieces of another's feed", "feed-listed", .note) {
            $0.feeds?.feeds.append(FeedFacts(name: "jobs", isListed: false, itemCount: 1))
        },
        Case("an item without an id", "feed-items", .fault) { $0.feeds?.feeds[0].itemsWithoutID = ["7"] },
        Case("an id without an item", "feed-items", .fault) { $0.feeds?.feeds[0].idsWithoutItem = ["7"] },
        Case("a counter behind", "feed-sequence", .fault) { $0.feeds?.feeds[0].publishes = 11 },
        Case("a counter that is gone", "feed-sequence", .fault) { $0.feeds?.feeds[0].publishes = nil },
        Case("a counter ahead", "feed-sequence", .note) { $0.feeds?.feeds[0].publishes = 13 },
        Case("a hole", "feed-gap", .note) { $0.feeds?.feeds[0].holes = [7] },
        Case("a feed that is too long", "feed-length", .warning) { $0.feeds?.feeds[0].idCount = 1700 },
        Case("a feed of a shorter limit that is not applied yet", "feed-length", nil) {
            $0.feeds?.feeds[0].idCount = 1050
        },
        Case("an idle feed", "feed-idle", .warning) { $0.feeds?.feeds[0].newestTime = Double(now - 900_000_000) },
        Case("a feed of another client has no dense ids", "feed-sequence", nil) {
            $0.feeds?.feeds[0].born = nil
            $0.feeds?.feeds[0].publishes = 99
        },
    ]

    private static let system = [
        Case("few open files", "system-open-files", .note) { $0.system?.filesHard = 4096 },
        Case("very few open files", "system-open-files", .warning) { $0.system?.filesHard = 256 },
        Case("no limit of open files", "system-open-files", nil) { $0.system?.filesHard = .max },
        Case("a short queue of connections", "system-accept-queue", .note) { $0.system?.acceptQueue = 128 },
        Case("few ports", "system-ports", .note) { $0.system?.ports = 50_000...51_000 },
        Case("little memory", "system-memory", .note) { $0.system?.memoryAvailable = 700_000_000 },
        Case("hardly any memory", "system-memory", .warning) { $0.system?.memoryAvailable = 100_000_000 },
        Case("no overcommit", "system-overcommit", .note) { $0.system?.overcommit = 0 },
        Case("huge pages", "system-huge-pages", .note) {
            $0.system?.hugePagesAlways = true
            $0.settings?.values["disable-thp"] = "no"
        },
        Case("little disk", "system-disk", .warning) { $0.system?.diskFree = 200 << 20 },
        Case("hardly any disk", "system-disk", .fault) { $0.system?.diskFree = 1 << 20 },
        Case("one processor", "system-processors", .note) { $0.system?.processors = 1 },
    ]

    static let now: Int64 = 1_800_000_000_000
}
