/// Which Redis it is, how fast it answers, and settings that close connections of workers and edges.
enum ServerRules {
    static let all = [
        Rule("redis-version", .redis, version),
        Rule("redis-role", .redis, role),
        Rule("redis-config-readable", .redis, needs: \.settings, configReadable),
        Rule("redis-latency", .redis, needs: \.probes, latency),
        Rule("redis-slow-commands", .redis, needs: \.probes, slowCommands),
        Rule("redis-tracking", .redis, needs: \.probes, tracking),
        Rule("redis-clock", .redis, needs: \.probes, clock),
        Rule("redis-output-buffers", .redis, needs: \.settings, outputBuffers),
        Rule("redis-timeout", .redis, needs: \.settings, timeout),
        Rule("redis-keepalive", .redis, needs: \.settings, keepAlive),
        Rule("redis-clients", .redis, needs: \.settings, clients),
    ]

    static func version(_ facts: Facts) -> Rule.Outcome {
        guard let text = facts.server.info["redis_version"] else { return unreadable(facts) }
        let name = facts.server.info["server_name"] == "valkey" ? "Valkey" : "Redis"
        let shown = facts.server.info["valkey_version"] ?? text
        guard let major = Int(text.prefix { $0 != "." }), major < 7 else { return .well("\(name) \(shown)") }
        return .found([
            Finding(
                .fault, "\(name) \(shown) has no functions", why: "Tidings needs Redis 7.0 or later, or Valkey",
                at: "redis_version", hint: "install Redis 7.0 or later, or Valkey")
        ])
    }

    static func role(_ facts: Facts) -> Rule.Outcome {
        guard let role = facts.server.info["role"] else { return unreadable(facts) }
        guard role != "master" else { return .well("the server is a primary") }
        let primary = "\(facts.server.info["master_host"] ?? "?"):\(facts.server.info["master_port"] ?? "?")"
        return .found([
            Finding(
                .fault, "this server is a read-only replica of \(primary)", at: "role",
                hint: "name the primary: --redis redis://\(primary)")
        ])
    }

    static func configReadable(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let reason = settings.denied else { return .well("CONFIG can be read") }
        return .found([
            Finding(
                .note, "CONFIG is refused, so settings were judged by INFO alone: \(reason)", at: "CONFIG GET",
                hint: "log in as a user who may use CONFIG: --redis redis://USER:PASSWORD@HOST")
        ])
    }

    static func latency(_ facts: Facts, _ probes: ServerProbes) -> Rule.Outcome {
        let sorted = probes.pings.sorted()
        guard let worst = sorted.last else { return .unknown("no PING was answered") }
        let median = sorted[sorted.count / 2]
        let seen = "of \(sorted.count) PINGs the median took \(median) µs, the slowest \(worst) µs"
        guard median > 1000 else { return .well(seen) }
        return .found([
            Finding(
                .warning, seen, why: "every batch waits that long", at: "the connection to Redis",
                type: facts.command("--intrinsic-latency", "10"),
                hint: "on the host of Redis: tells whether that host is slow; if not, run workers nearer to Redis")
        ])
    }

    static func slowCommands(_ facts: Facts, _ probes: ServerProbes) -> Rule.Outcome {
        let since = probes.time / 1000 - 3600
        let recent = probes.slowCalls.filter { $0.time >= since }
        guard let worst = recent.max(by: { $0.microseconds < $1.microseconds }), worst.microseconds >= 10_000 else {
            return .well("no command of the last hour took 10 ms")
        }
        let milliseconds = worst.microseconds / 1000
        return .found([
            Finding(
                milliseconds >= 100 ? .warning : .note,
                "\(recent.count) slow commands in the last hour, the slowest took \(milliseconds) ms",
                why: "all other commands wait meanwhile", at: worst.command, type: facts.command("SLOWLOG", "GET", "10")
            )
        ])
    }

    static func tracking(_ facts: Facts, _ probes: ServerProbes) -> Rule.Outcome {
        guard let reason = probes.trackingDenied else { return .well("CLIENT TRACKING is allowed") }
        return .found([
            Finding(
                .warning, "workers may not use CLIENT TRACKING: \(reason)",
                why: "an idle worker notices an RPUSH of another client only when it polls", at: "CLIENT TRACKING",
                type: facts.command("ACL", "SETUSER", "USER", "+client|tracking"), hint: "USER is the workers' user")
        ])
    }

    static func clock(_ facts: Facts, _ probes: ServerProbes) -> Rule.Outcome {
        let seconds = (probes.time - probes.localTime) / 1000
        guard abs(seconds) >= 2 else { return .well("this host's clock and that of Redis agree") }
        return .found([
            Finding(
                abs(seconds) >= 60 ? .warning : .note,
                "the clock of Redis is \(abs(seconds)) s \(seconds > 0 ? "ahead of" : "behind") this host's",
                at: "TIME", type: "timedatectl set-ntp true", hint: "on both hosts")
        ])
    }

    /// INFO does not have the field that a rule needs.
    static func unreadable(_ facts: Facts) -> Rule.Outcome {
        .unknown(facts.server.infoDenied ?? "INFO does not say")
    }

    /// CONFIG does not have the setting that a rule needs.
    static func unreadable(_ settings: ServerSettings) -> Rule.Outcome {
        .unknown(settings.denied ?? "CONFIG does not say")
    }

    // MARK: Connections

    /// Redis disconnects an edge that falls behind by more than the limit for pub/sub. The edge subscribes again and
    /// fills the gap from the feeds, so too small a limit makes it do that in every burst. The limit for normal clients
    /// cuts off replies that are whole batches.
    static func outputBuffers(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let text = settings["client-output-buffer-limit"] else { return unreadable(settings) }
        let words = text.split(separator: " ")
        var findings: [Finding] = []
        for start in stride(from: 0, to: words.count - 3, by: 4) {
            let kind = String(words[start])
            guard let hard = Int64(words[start + 1]), let soft = Int64(words[start + 2]) else { continue }
            let least: Int64 = kind == "pubsub" ? 8 << 20 : 64 << 20
            guard kind == "pubsub" || kind == "normal" else { continue }
            if (hard > 0 && hard < least) || (kind == "normal" && soft > 0 && soft < least) {
                let usual = kind == "pubsub" ? "pubsub 32mb 8mb 60" : "normal 0 0 0"
                findings.append(
                    Finding(
                        .warning,
                        kind == "pubsub"
                            ? "Redis disconnects an edge that is \(hard >> 10) KB behind: a burst is enough"
                            : "Redis disconnects a worker at \(max(hard, soft) >> 10) KB of reply: a batch may have more",
                        at: "client-output-buffer-limit \(kind)",
                        type: facts.command("CONFIG", "SET", "client-output-buffer-limit", usual)))
            }
        }
        return Rule.Outcome(findings, otherwise: "output buffers are large enough")
    }

    static func timeout(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let seconds = settings.number("timeout") else { return unreadable(settings) }
        guard seconds > 0 else { return .well("idle connections stay open") }
        return .found([
            Finding(
                seconds < 10 ? .warning : .note, "Redis closes connections that are idle for \(seconds) s",
                why: "processes connect again, which delays events", at: "timeout",
                type: facts.command("CONFIG", "SET", "timeout", "0"))
        ])
    }

    static func keepAlive(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let seconds = settings.number("tcp-keepalive") else { return unreadable(settings) }
        guard seconds == 0, !facts.server.isUnixSocket else { return .well("Redis notices dead connections") }
        return .found([
            Finding(
                .note, "connections of hosts that are gone stay open forever", at: "tcp-keepalive",
                type: facts.command("CONFIG", "SET", "tcp-keepalive", "300"))
        ])
    }

    static func clients(_ facts: Facts, _ settings: ServerSettings) -> Rule.Outcome {
        guard let limit = facts.server.number("maxclients") ?? settings.number("maxclients"),
            let connected = facts.server.number("connected_clients")
        else { return unreadable(settings) }
        var findings: [Finding] = []
        if connected * 10 >= limit * 8 {
            findings.append(
                Finding(
                    connected * 100 >= limit * 95 ? .fault : .warning,
                    "\(connected) of \(limit) connections are in use",
                    at: "maxclients", type: facts.command("CONFIG", "SET", "maxclients", String(limit * 2))))
        }
        if let refused = facts.server.number("rejected_connections"), refused > 0 {
            findings.append(
                Finding(
                    .note, "Redis has refused \(refused) connections since it started", at: "rejected_connections",
                    type: facts.command("CLIENT", "LIST")))
        }
        return Rule.Outcome(findings, otherwise: "\(connected) of \(limit) connections are in use")
    }
}
