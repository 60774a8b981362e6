import Console
import Pipeline

/// What Redis keeps: on disk, for after a restart, and in memory, when that is short.
enum StorageRules {
    static let all = [
        Rule("redis-append-only", .redis, needs: \.settings, appendOnly),
        Rule("redis-append-fsync", .redis, needs: \.settings, appendFsync),
        Rule("redis-disk-writes", .redis, diskWrites),
        Rule("redis-eviction", .redis, eviction),
        Rule("redis-evicted", .redis, evicted),
        Rule("redis-memory", .redis, memory),
    ]

    static func appendOnly(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let enabled = facts.server.info["aof_enabled"] else { return ServerRules.unreadable(facts) }
        guard enabled != "1" else { return .well("Redis keeps an append-only file") }
        return .found([
            Finding(
                .warning, "Redis keeps no append-only file", why: "a restart of Redis loses queues and feeds",
                at: "appendonly", type: facts.command("CONFIG", "SET", "appendonly", "yes"),
                hint: "and appendonly yes in redis.conf", repair: .set(name: "appendonly", value: "yes"))
        ])
    }

    static func appendFsync(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard facts.server.info["aof_enabled"] == "1" else { return .unknown("there is no append-only file") }
        guard let policy = settings["appendfsync"] else { return ServerRules.unreadable(settings) }
        switch policy {
        case "always": return .well("Redis forces every write to disk before it answers")
        case "everysec" where settings["no-appendfsync-on-rewrite"] == "yes":
            return .found([
                Finding(
                    .note, "while Redis rewrites the append-only file it forces nothing to disk",
                    why: "a loss of power may lose up to 30 s", at: "no-appendfsync-on-rewrite",
                    type: facts.command("CONFIG", "SET", "no-appendfsync-on-rewrite", "no"))
            ])
        case "everysec":
            return .found([
                Finding(
                    .note, "a loss of power may lose the last second, and the events accepted in it",
                    at: "appendfsync everysec", type: facts.command("CONFIG", "SET", "appendfsync", "always"),
                    hint: "where no event may be lost")
            ])
        default:
            return .found([
                Finding(
                    .warning, "a loss of power may lose 30 s and more", why: "the system decides when to write to disk",
                    at: "appendfsync \(policy)", type: facts.command("CONFIG", "SET", "appendfsync", "everysec"))
            ])
        }
    }

    static func diskWrites(_ facts: Facts) -> Rule.Outcome {
        let info = facts.server.info
        guard !info.isEmpty else { return ServerRules.unreadable(facts) }
        var findings: [Finding] = []
        if info["aof_enabled"] == "1", info["aof_last_write_status"] == "err" {
            let folder = facts.settings?["dir"].map(ShellQuote.quoted)
            findings.append(
                Finding(
                    .fault, "Redis cannot write its append-only file",
                    why: "it refuses all writes until it can; usually the disk is full", at: "aof_last_write_status",
                    type: folder.map { "df -h \($0)" } ?? facts.command("CONFIG", "GET", "dir"),
                    hint: folder == nil ? "then: df -h THAT_FOLDER" : "the log of Redis names the error"))
        }
        if info["aof_enabled"] == "1", info["aof_last_bgrewrite_status"] == "err" {
            findings.append(
                Finding(
                    .warning, "Redis could not rewrite its append-only file", why: "the file grows without end",
                    at: "aof_last_bgrewrite_status", type: facts.command("BGREWRITEAOF"),
                    hint: "free disk and memory first"))
        }
        // Whether Redis refuses writes because of it is a matter of its settings.
        if let settings = facts.settings, info["rdb_last_bgsave_status"] == "err" {
            let refuses = settings["stop-writes-on-bgsave-error"] != "no" && settings["save"] != ""
            findings.append(
                Finding(
                    refuses ? .fault : .note, "the last snapshot failed",
                    why: refuses ? "Redis refuses all writes until one succeeds (MISCONF)" : nil,
                    at: "rdb_last_bgsave_status", type: facts.command("BGSAVE"), hint: "free disk and memory first"))
        }
        return Rule.Outcome(findings, otherwise: "the last writes to disk went well")
    }

    // MARK: Memory

    static func eviction(_ facts: Facts) -> Rule.Outcome {
        guard let policy = facts.server.info["maxmemory_policy"] ?? facts.settings?["maxmemory-policy"] else {
            return ServerRules.unreadable(facts)
        }
        guard policy != EvictionState.safePolicy else { return .well("Redis deletes nothing when memory is short") }
        return .found([
            Finding(
                .fault, EvictionState.warning(of: policy),
                why: "when memory is short it deletes keys, and events with them", at: "maxmemory-policy \(policy)",
                type: facts.command(EvictionState.remedy), hint: EvictionState.hint,
                repair: .set(name: "maxmemory-policy", value: EvictionState.safePolicy))
        ])
    }

    static func evicted(_ facts: Facts) -> Rule.Outcome {
        guard let count = facts.server.number("evicted_keys") else { return ServerRules.unreadable(facts) }
        guard count > 0 else { return .well("Redis has deleted no key to make room since it started") }
        return .found([
            Finding(
                .warning, EvictionState.warning(deleted: count.grouped, since: "it"), at: "evicted_keys",
                hint: "nobody knows which keys; enqueue again what readers miss")
        ])
    }

    static func memory(_ facts: Facts) -> Rule.Outcome {
        guard let used = facts.server.number("used_memory"), let limit = facts.server.number("maxmemory") else {
            return ServerRules.unreadable(facts)
        }
        var findings = limit > 0 ? share(facts, used: used, limit: limit) : []
        // Whether the limit is right is a matter of settings.
        if facts.settings != nil { findings += self.limit(facts, used: used, limit: limit) }
        return Rule.Outcome(
            findings,
            otherwise: limit > 0
                ? "\(used * 100 / limit) % of \(Text.megabytes(limit)) is used" : "memory has no limit")
    }

    /// How much of the limit is used.
    private static func share(_ facts: Facts, used: Int64, limit: Int64) -> [Finding] {
        let share = used * 100 / limit
        guard share >= 80 else { return [] }
        let amounts = "\(Text.megabytes(used)) of \(Text.megabytes(limit))"
        let isFull = share >= 100
        return [
            Finding(
                share >= 95 ? .fault : .warning,
                isFull ? "Redis is out of memory: \(amounts)" : "\(share) % of Redis' memory is used: \(amounts)",
                why: isFull
                    ? "it takes no new comments; events in the queues go on" : "at 100 % it takes no new comments",
                at: "used_memory", type: facts.command("--bigkeys"),
                hint: "or, where the host has room: "
                    + facts.command("CONFIG", "SET", "maxmemory", setting(limit * 3 / 2)))
        ]
    }

    /// Whether there is a limit, and whether it fits the host.
    private static func limit(_ facts: Facts, used: Int64, limit: Int64) -> [Finding] {
        let host = facts.server.number("total_system_memory") ?? 0
        if limit == 0 {
            return [
                Finding(
                    host > 0 && used > host / 2 ? .warning : .note,
                    "Redis has no limit of memory; it uses \(Text.megabytes(used)) of the host's "
                        + Text.megabytes(host),
                    why: "with a limit it refuses new comments when memory is short; without, the kernel kills it",
                    at: "maxmemory 0",
                    type: facts.command(
                        "CONFIG", "SET", "maxmemory", setting(max(host / 2, used + used / 2, 256 << 20))))
            ]
        }
        guard host > 0, limit > host * 3 / 4 else { return [] }
        return [
            Finding(
                .warning,
                "the limit of memory, \(Text.megabytes(limit)), is too large for the host's \(Text.megabytes(host))",
                why: "rewriting the append-only file needs room for a copy", at: "maxmemory",
                type: facts.command("CONFIG", "SET", "maxmemory", setting(host / 2)))
        ]
    }

    /// As redis.conf writes it.
    private static func setting(_ bytes: Int64) -> String { "\(bytes >> 20)mb" }
}
