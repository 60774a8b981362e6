/// Which Redis it is, and how fast it answers.
enum ServerChecks {
    static let all = [
        DoctorCheck("redis-version", .redis, version),
        DoctorCheck("redis-role", .redis, role),
        DoctorCheck("redis-config-readable", .redis, configReadable),
        DoctorCheck("redis-latency", .redis, latency),
        DoctorCheck("redis-slow-commands", .redis, slowCommands),
        DoctorCheck("redis-tracking", .redis, tracking),
        DoctorCheck("redis-clock", .redis, clock),
    ]

    static func version(_ facts: DoctorFacts) -> Verdict {
        guard let text = facts.server.info["redis_version"] else { return unreadable(facts) }
        let name = facts.server.info["server_name"] == "valkey" ? "Valkey" : "Redis"
        let shown = facts.server.info["valkey_version"] ?? text
        guard let major = Int(text.prefix { $0 != "." }), major < 7 else { return .well("\(name) \(shown)") }
        return .found([
            Finding(
                .fault, "\(name) \(shown) has no functions", at: "redis_version",
                type: "install Redis 7.0 or later, or Valkey")
        ])
    }

    static func role(_ facts: DoctorFacts) -> Verdict {
        guard let role = facts.server.info["role"] else { return unreadable(facts) }
        guard role != "master" else { return .well("the server is a primary") }
        let primary = "\(facts.server.info["master_host"] ?? "?"):\(facts.server.info["master_port"] ?? "?")"
        return .found([
            Finding(
                .fault, "this server is a read-only replica of \(primary)", at: "role",
                type: "name the primary: --redis redis://\(primary)")
        ])
    }

    static func configReadable(_ facts: DoctorFacts) -> Verdict {
        guard let reason = facts.server.settingsDenied else { return .well("CONFIG can be read") }
        return .found([
            Finding(
                .note, "settings were judged by INFO alone: \(reason)", at: "CONFIG GET",
                type: "log in as a user that may: --redis redis://USER:PASSWORD@HOST")
        ])
    }

    static func latency(_ facts: DoctorFacts) -> Verdict {
        let sorted = facts.server.pings.sorted()
        guard let worst = sorted.last else { return .unknown("no PING was answered") }
        let median = sorted[sorted.count / 2]
        let seen = "PING takes \(median) µs, \(worst) µs at worst, of \(sorted.count)"
        guard median > 1000 else { return .well(seen) }
        return .found([
            Finding(
                .warning, "\(seen); every batch waits that long", at: "the way to Redis",
                type:
                    "put workers near Redis; \(facts.line("--intrinsic-latency", "10")) on its host tells whether it is the host"
            )
        ])
    }

    static func slowCommands(_ facts: DoctorFacts) -> Verdict {
        let since = facts.server.time / 1000 - 3600
        let recent = facts.server.slowCalls.filter { $0.time >= since }
        guard let worst = recent.max(by: { $0.microseconds < $1.microseconds }), worst.microseconds >= 10_000 else {
            return .well("no command of the last hour took 10 ms")
        }
        let milliseconds = worst.microseconds / 1000
        return .found([
            Finding(
                milliseconds >= 100 ? .warning : .note,
                "\(recent.count) slow commands in the last hour, the worst took \(milliseconds) ms; all others wait meanwhile",
                at: worst.command, type: facts.line("SLOWLOG", "GET", "10"))
        ])
    }

    static func tracking(_ facts: DoctorFacts) -> Verdict {
        guard let reason = facts.server.trackingDenied else { return .well("CLIENT TRACKING is allowed") }
        return .found([
            Finding(
                .warning, "workers cannot watch their queues, and find a stranger's RPUSH late: \(reason)",
                at: "CLIENT TRACKING", type: facts.line("ACL", "SETUSER", "USER", "+client|tracking"))
        ])
    }

    static func clock(_ facts: DoctorFacts) -> Verdict {
        let seconds = (facts.server.time - facts.server.localTime) / 1000
        guard abs(seconds) >= 2 else { return .well("this host's clock and that of Redis agree") }
        return .found([
            Finding(
                abs(seconds) >= 60 ? .warning : .note,
                "the clock of Redis is \(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind") this host's",
                at: "TIME", type: "let NTP set both clocks: timedatectl set-ntp true")
        ])
    }

    static func unreadable(_ facts: DoctorFacts) -> Verdict {
        .unknown(facts.server.infoDenied ?? "INFO does not say")
    }
}
