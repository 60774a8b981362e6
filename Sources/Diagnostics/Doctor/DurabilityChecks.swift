import Console

/// What is left after Redis, or its host, goes down.
enum DurabilityChecks {
    static let all = [
        DoctorCheck("redis-append-only", .redis, appendOnly),
        DoctorCheck("redis-append-fsync", .redis, appendFsync),
        DoctorCheck("redis-disk-writes", .redis, diskWrites),
    ]

    static func appendOnly(_ facts: DoctorFacts) -> Verdict {
        guard let enabled = facts.server.info["aof_enabled"] else { return ServerChecks.unreadable(facts) }
        guard enabled != "1" else { return .well("an append-only file is kept") }
        return .found([
            Finding(
                .warning, "no append-only file is kept: a restart of Redis loses queues and feeds", at: "appendonly",
                type: facts.line("CONFIG", "SET", "appendonly", "yes") + "   # and appendonly yes in redis.conf",
                repair: .set(name: "appendonly", value: "yes"))
        ])
    }

    static func appendFsync(_ facts: DoctorFacts) -> Verdict {
        guard facts.server.info["aof_enabled"] == "1" else { return .unknown("there is no append-only file") }
        guard let policy = facts.server.settings["appendfsync"] else {
            return .unknown(facts.server.settingsDenied ?? "CONFIG does not say")
        }
        let advice = facts.line("CONFIG", "SET", "appendfsync", "always") + "   # where no event may be lost"
        switch policy {
        case "always": return .well("every write is forced to disk before it is answered")
        case "everysec":
            if facts.server.settings["no-appendfsync-on-rewrite"] == "yes" {
                return .found([
                    Finding(
                        .note,
                        "while the append-only file is rewritten nothing is forced to disk: up to 30 s may be lost",
                        at: "no-appendfsync-on-rewrite",
                        type: facts.line("CONFIG", "SET", "no-appendfsync-on-rewrite", "no"))
                ])
            }
            return .found([
                Finding(
                    .note, "the last second before a loss of power may be lost: accepted events of it with it",
                    at: "appendfsync everysec", type: advice)
            ])
        default:
            return .found([
                Finding(
                    .warning, "the system decides when to write: 30 s and more may be lost",
                    at: "appendfsync \(policy)", type: facts.line("CONFIG", "SET", "appendfsync", "everysec"))
            ])
        }
    }

    static func diskWrites(_ facts: DoctorFacts) -> Verdict {
        let info = facts.server.info
        guard !info.isEmpty else { return ServerChecks.unreadable(facts) }
        var findings: [Finding] = []
        if info["aof_enabled"] == "1", info["aof_last_write_status"] == "err" {
            findings.append(
                Finding(
                    .fault, "the append-only file could not be written: Redis refuses writes",
                    at: "aof_last_write_status",
                    type: "look into the log of Redis; free its disk, or mend its rights: df -h \(folder(facts))"))
        }
        if info["aof_enabled"] == "1", info["aof_last_bgrewrite_status"] == "err" {
            findings.append(
                Finding(
                    .warning, "the append-only file could not be rewritten: it grows without end",
                    at: "aof_last_bgrewrite_status",
                    type: "free disk and memory, then \(facts.line("BGREWRITEAOF"))"))
        }
        if info["rdb_last_bgsave_status"] == "err" {
            let refuses =
                facts.server.settings["stop-writes-on-bgsave-error"] != "no" && facts.server.settings["save"] != ""
            findings.append(
                Finding(
                    refuses ? .fault : .note,
                    "the last snapshot failed" + (refuses ? ": Redis refuses writes (MISCONF)" : ""),
                    at: "rdb_last_bgsave_status",
                    type: "free disk and memory, then \(facts.line("BGSAVE"))"))
        }
        return Verdict(findings, otherwise: "the last writes to disk went well")
    }

    private static func folder(_ facts: DoctorFacts) -> String {
        ShellQuote.quoted(facts.server.settings["dir"] ?? "DIR")
    }
}
