import Console

/// Limits of the host that this process runs on, and of Redis when it runs there too.
enum SystemRules {
    static let all = [
        Rule("system-open-files", .system, needs: \.system, openFiles),
        Rule("system-accept-queue", .system, needs: \.system, acceptQueue),
        Rule("system-ports", .system, needs: \.system, ports),
        Rule("system-memory", .system, needs: \.system, memory),
        Rule("system-overcommit", .system, needs: \.system, overcommit),
        Rule("system-huge-pages", .system, needs: \.system, hugePages),
        Rule("system-disk", .system, needs: \.system, disk),
        Rule("system-processors", .system, needs: \.system, processors),
    ]

    /// An edge raises its soft limit to the hard one when it starts; each reader needs a descriptor.
    static func openFiles(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard let hard = system.filesHard else { return .unknown("getrlimit does not say") }
        let readers = Text.grouped(max(0, Int(clamping: hard) - 64))
        guard hard < 16_384 else { return .well("an edge process may hold \(readers) readers") }
        return .found([
            Finding(
                hard < 1024 ? .warning : .note, "an edge process can hold \(readers) readers at most",
                at: "RLIMIT_NOFILE",
                type: "ulimit -Hn 1048576", hint: "or LimitNOFILE=1048576 in the unit of systemd")
        ])
    }

    static func acceptQueue(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard let accept = system.acceptQueue, let syn = system.synQueue else {
            return .unknown("/proc/sys/net does not say")
        }
        var findings: [Finding] = []
        if accept < 1024 {
            findings.append(
                Finding(
                    .note,
                    "at most \(accept) connections may wait to be accepted",
                    why: "when an edge restarts, readers are refused", at: "net.core.somaxconn",
                    type: "sysctl -w net.core.somaxconn=4096"))
        }
        if syn < 512 {
            findings.append(
                Finding(
                    .note, "at most \(syn) connections may be half open", at: "net.ipv4.tcp_max_syn_backlog",
                    type: "sysctl -w net.ipv4.tcp_max_syn_backlog=4096"))
        }
        return Rule.Outcome(findings, otherwise: "\(accept) connections may wait to be accepted")
    }

    static func ports(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard let ports = system.ports else { return .unknown("/proc/sys/net does not say") }
        guard ports.count < 10_000 else { return .well("\(Text.grouped(ports.count)) ports for outgoing connections") }
        return .found([
            Finding(
                .note, "only \(ports.count) ports for outgoing connections",
                why: "a proxy before an edge on this host has no more", at: "net.ipv4.ip_local_port_range",
                type: "sysctl -w net.ipv4.ip_local_port_range='16384 60999'")
        ])
    }

    static func memory(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard let total = system.memoryTotal, let free = system.memoryAvailable, total > 0 else {
            return .unknown("/proc/meminfo does not say")
        }
        let seen = "\(Text.grouped(Int(free >> 20))) of \(Text.grouped(Int(total >> 20))) MB of memory are free"
        guard free < total / 10 else { return .well(seen) }
        return .found([
            Finding(
                free < total / 33 ? .warning : .note, seen, at: "MemAvailable",
                type: "ps -eo rss,args --sort=-rss | head")
        ])
    }

    static func overcommit(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard facts.server.isLocal else { return .unknown("Redis runs on another host") }
        guard let mode = system.overcommit else { return .unknown("/proc/sys/vm does not say") }
        guard mode != 1 else { return .well("the kernel lets Redis fork, whatever its size") }
        return .found([
            Finding(
                .note, "the kernel may refuse the fork that rewrites the append-only file", at: "vm.overcommit_memory",
                type: "sysctl -w vm.overcommit_memory=1")
        ])
    }

    static func hugePages(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard facts.server.isLocal else { return .unknown("Redis runs on another host") }
        guard let always = system.hugePagesAlways else { return .unknown("/sys/kernel/mm does not say") }
        // Redis turns them off for itself since 6.2.
        guard always, facts.settings?["disable-thp"] != "yes" else {
            return .well("transparent huge pages do not slow Redis down")
        }
        return .found([
            Finding(
                .note, "transparent huge pages make Redis slow after a fork",
                at: "/sys/kernel/mm/transparent_hugepage/enabled",
                type: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
        ])
    }

    /// Rewriting the append-only file needs room for a second copy of the data.
    static func disk(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard facts.server.isLocal else { return .unknown("Redis runs on another host") }
        guard let free = system.diskFree, let path = system.diskPath else {
            return .unknown("the folder of Redis is unknown")
        }
        let need = max(2 * (facts.server.number("used_memory") ?? 0), 256 << 20)
        let seen = "\(Text.grouped(Int(free >> 20))) MB are free on the disk of Redis"
        guard free < need else { return .well(seen) }
        return .found([
            Finding(
                free < need / 4 ? .fault : .warning,
                "\(seen); rewriting the append-only file needs \(Text.grouped(Int(need >> 20))) MB", at: path,
                type: "df -h \(ShellQuote.quoted(path))")
        ])
    }

    static func processors(_ facts: Facts, _ system: SystemFacts) -> Rule.Outcome {
        guard let count = system.processors else { return .unknown("sysconf does not say") }
        guard count == 1 else { return .well("\(count) processors") }
        return .found([
            Finding(.note, "one processor: Redis, workers and edges take turns", at: "processors")
        ])
    }
}
