import Testing

@testable import Diagnostics

/// A damage to live data, and what `tidings doctor` has to find.
struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Commands that do it, word by word.
    let plant: [[String]]
    let rule: String
    let severity: Severity
    /// What the place names.
    let place: String
    /// Whether --fix repairs it.
    let isFixed: Bool

    private init(
        _ description: String, _ plant: [[String]], _ rule: String, _ severity: Severity, at place: String,
        fixed isFixed: Bool = false
    ) {
        testDescription = description
        self.plant = plant
        self.rule = rule
        self.severity = severity
        self.place = place
        self.isFixed = isFixed
    }

    /// The lease of a dead worker, which is over.
    private static let ghost = [
        ["HSET", "{comments.2}:lane:format", "owner", "ghost", "token", "7", "deadline", "1000"]
    ]

    static let all = [
        Damage(
            "a counter that lost events", [["HINCRBY", "{comments.3}:lane:validate", "in", "2"]], "lane-balance",
            .fault,
            at: "{comments.3}:lane:validate"),
        Damage(
            "an event that was pushed past the counters", [["RPUSH", "{comments.1}:queue:route", "{}"]], "lane-balance",
            .fault, at: "{comments.1}:lane:route"),
        Damage(
            "an id taken out of the middle of a feed", [["ZREM", "feed.ids:{thread:1}", "5"]], "feed-items", .fault,
            at: "feed.ids:{thread:1}"),
        Damage(
            "an item taken out of a feed", [["HDEL", "feed.items:{thread:1}", "10"]], "feed-items", .fault,
            at: "feed.items:{thread:1}"),
        Damage(
            "a number that is gone from a feed",
            [["ZREM", "feed.ids:{thread:1}", "5"], ["HDEL", "feed.items:{thread:1}", "5"]], "feed-gap", .note,
            at: "feed.ids:{thread:1}"),
        Damage(
            "a counter of a feed that was set back", [["SET", "feed.publishes:{thread:1}", "4"]], "feed-sequence",
            .fault,
            at: "feed.publishes:{thread:1}"),
        Damage(
            "a feed without keys", [["SADD", "feeds", "{thread:none}"]], "feed-listed", .warning, at: "feeds",
            fixed: true),
        Damage(
            "a feed that is not listed", [["SREM", "feeds", "{thread:1}"]], "feed-listed", .warning,
            at: "feed.config:{thread:1}", fixed: true),
        Damage(
            "a foreign key where a feed should be",
            [["DEL", "feed.items:{thread:1}"], ["SET", "feed.items:{thread:1}", "mine"]], "feed-key-type", .fault,
            at: "feed.items:{thread:1}"),
        Damage(
            "a foreign key where a queue should be", [["SET", "{comments.0}:queue:format", "mine"]], "key-type",
            .fault,
            at: "{comments.0}:queue:format"),
        Damage(
            "a foreign key where closed conversations should be", [["SET", "{comments.0}:closed", "mine"]], "key-type",
            .fault, at: "{comments.0}:closed"),
        Damage(
            "a policy that evicts", [["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]], "redis-eviction", .fault,
            at: "maxmemory-policy", fixed: true),
        Damage(
            "no append-only file", [["CONFIG", "SET", "appendonly", "no"]], "redis-append-only", .warning,
            at: "appendonly", fixed: true),
        Damage(
            "a small buffer for pub/sub",
            [["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 512kb 10"]], "redis-output-buffers", .warning,
            at: "client-output-buffer-limit pubsub"),
        Damage(
            "an owner that is dead", ghost, "lane-owner", .warning, at: "{comments.2}:lane:format", fixed: true),
        Damage(
            "a lease that a clock made endless",
            ghost + [["HSET", "{comments.2}:lane:format", "deadline", "99999999999999"]], "lane-owner", .fault,
            at: "{comments.2}:lane:format", fixed: true),
        Damage(
            "a token from the future", [["HSET", "{comments.2}:lane:format", "token", "9000000000000000"]],
            "lane-token",
            .note, at: "{comments.2}:lane:format"),
        Damage(
            "a paused lane", [["HSET", "{comments.2}:lane:format", "paused", "1"]], "lane-paused", .warning,
            at: "{comments.2}:lane:format"),
        Damage(
            "an event that kills workers", [["HSET", "{comments.2}:lane:format", "attempts", "2"]], "lane-stuck",
            .warning, at: "{comments.2}:lane:format"),
        Damage(
            "a queue of a stage that is gone", [["RPUSH", "{comments.3}:queue:score", "{}", "{}"]], "stranded-events",
            .fault, at: "{comments.3}:queue:score"),
        Damage(
            "a queue of a partition that is gone", [["RPUSH", "{comments.9}:queue:format", "{}"]], "stranded-events",
            .fault, at: "{comments.9}:queue:format"),
        Damage(
            "letters of a stage that is gone", [["RPUSH", "{comments.3}:dead:score", "{}"]], "leftover-letters", .note,
            at: "{comments.3}:dead:score"),
        Damage(
            "ids seen that never expire", [["SADD", "{comments.3}:seen:new", "x"]], "seen-bounds", .warning,
            at: "{comments.3}:seen:new"),
        Damage(
            "a heartbeat of long ago", [["ZADD", "comments:procs", "1000", "ghost"]], "process-stale", .note,
            at: "comments:procs", fixed: true),
        Damage(
            "a heartbeat from the future", [["ZADD", "comments:procs", "99999999999999", "ghost"]], "process-future",
            .fault, at: "comments:procs", fixed: true),
        Damage(
            "an epoch of another server", [["HSET", "{comments.4}:epoch", "run_id", "0"]], "epoch", .note,
            at: "{comments.4}:epoch"),
        Damage(
            "another shape", [["HSET", "comments:config", "stages", "validate,publish"]], "pipeline-differs", .warning,
            at: "comments:config"),
        Damage(
            "a configuration that is gone", [["DEL", "comments:config"]], "pipeline-config", .fault,
            at: "comments:config"),
        Damage(
            "functions that are gone", [["FUNCTION", "DELETE", "tidings"]], "functions", .warning, at: "FUNCTION LIST",
            fixed: true),
    ]
}
