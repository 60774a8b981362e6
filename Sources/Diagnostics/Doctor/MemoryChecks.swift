import Console

/// What Redis does when memory is short.
enum MemoryChecks {
    static let all = [
        DoctorCheck("redis-eviction", .redis, eviction),
        DoctorCheck("redis-evicted", .redis, evicted),
        DoctorCheck("redis-memory", .redis, memory),
    ]

    static func eviction(_ facts: DoctorFacts) -> Verdict {
        guard let policy = facts.server.info["maxmemory_policy"] ?? facts.server.settings["maxmemory-policy"] else {
            return ServerChecks.unreadable(facts)
        }
        guard policy != "noeviction" else { return .well("nothing is deleted when memory is short") }
        return .found([
            Finding(
                .fault, "when memory is short Redis deletes queues and feeds", at: "maxmemory-policy \(policy)",
                type: facts.line("CONFIG", "SET", "maxmemory-policy", "noeviction")
                    + "   # and maxmemory-policy noeviction in redis.conf",
                repair: .set(name: "maxmemory-policy", value: "noeviction"))
        ])
    }

    static func evicted(_ facts: DoctorFacts) -> Verdict {
        guard let count = facts.server.number("evicted_keys") else { return ServerChecks.unreadable(facts) }
        guard count > 0 else { return .well("no key was evicted since Redis started") }
        return .found([
            Finding(
                .warning, "Redis has deleted \(Text.grouped(Int(count))) keys to make room since it started",
                at: "evicted_keys", type: "what they were is not known; enqueue again what readers miss")
        ])
    }

    static func memory(_ facts: DoctorFacts) -> Verdict {
        guard let used = facts.server.number("used_memory"), let limit = facts.server.number("maxmemory") else {
            return ServerChecks.unreadable(facts)
        }
        let host = facts.server.number("total_system_memory") ?? 0
        if limit == 0 {
            let isLarge = host > 0 && used > host / 2
            return .found([
                Finding(
                    isLarge ? .warning : .note,
                    "no limit of memory, \(megabytes(used)) used of the host's \(megabytes(host)): when that ends, "
                        + "the kernel kills Redis instead of the door being shut",
                    at: "maxmemory 0",
                    type: facts.line(
                        "CONFIG", "SET", "maxmemory", megabyteSetting(max(host / 2, used + used / 2, 256 << 20)))
                )
            ])
        }
        let share = used * 100 / limit
        var findings: [Finding] = []
        if share >= 80 {
            findings.append(
                Finding(
                    share >= 95 ? .fault : .warning,
                    "\(share) % of the memory allowed is used; at 100 % the door is shut", at: "used_memory",
                    type: facts.line("CONFIG", "SET", "maxmemory", megabyteSetting(limit * 2))
                        + "   # see first what grows: " + facts.line("--bigkeys")
                ))
        }
        if host > 0, limit > host * 3 / 4 {
            findings.append(
                Finding(
                    .warning,
                    "the limit of memory, \(megabytes(limit)), leaves too little of the host's \(megabytes(host)) for the "
                        + "copy that rewriting the append-only file needs", at: "maxmemory",
                    type: facts.line("CONFIG", "SET", "maxmemory", megabyteSetting(host / 2))))
        }
        return Verdict(findings, otherwise: "\(share) % of \(megabytes(limit)) is used")
    }

    private static func megabytes(_ bytes: Int64) -> String { "\(Text.grouped(Int(bytes >> 20))) MB" }

    /// As redis.conf writes it.
    private static func megabyteSetting(_ bytes: Int64) -> String { "\(bytes >> 20)mb" }
}
