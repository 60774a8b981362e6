/// Settings of Redis that close connections of workers and edges.
enum ConnectionChecks {
    static let all = [
        DoctorCheck("redis-output-buffers", .redis, outputBuffers),
        DoctorCheck("redis-timeout", .redis, timeout),
        DoctorCheck("redis-keepalive", .redis, keepAlive),
        DoctorCheck("redis-clients", .redis, clients),
    ]

    /// An edge that falls behind is cut off at the limit for pub/sub, subscribes again and fills the gap from the feeds:
    /// too small a limit makes it do that in every burst. The limit for normal clients ends replies to whole batches.
    static func outputBuffers(_ facts: DoctorFacts) -> Verdict {
        guard let text = facts.server.settings["client-output-buffer-limit"] else { return unreadable(facts) }
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
                            ? "an edge is cut off when \(hard >> 10) KB wait for it: a burst does that"
                            : "a worker is cut off when a reply has \(max(hard, soft) >> 10) KB: a batch may have more",
                        at: "client-output-buffer-limit \(kind)",
                        type: facts.line("CONFIG", "SET", "client-output-buffer-limit", usual)))
            }
        }
        return Verdict(findings, otherwise: "output buffers are large enough")
    }

    static func timeout(_ facts: DoctorFacts) -> Verdict {
        guard let seconds = facts.server.settings["timeout"].flatMap({ Int64($0) }) else { return unreadable(facts) }
        guard seconds > 0 else { return .well("idle connections stay open") }
        return .found([
            Finding(
                seconds < 10 ? .warning : .note,
                "connections that are idle for \(seconds) s are closed; they come back, late",
                at: "timeout", type: facts.line("CONFIG", "SET", "timeout", "0"))
        ])
    }

    static func keepAlive(_ facts: DoctorFacts) -> Verdict {
        guard let seconds = facts.server.settings["tcp-keepalive"].flatMap({ Int64($0) }) else {
            return unreadable(facts)
        }
        guard seconds == 0, !facts.server.isUnixSocket else { return .well("dead connections are found") }
        return .found([
            Finding(
                .note, "connections of hosts that are gone stay open for ever", at: "tcp-keepalive",
                type: facts.line("CONFIG", "SET", "tcp-keepalive", "300"))
        ])
    }

    static func clients(_ facts: DoctorFacts) -> Verdict {
        guard
            let limit = facts.server.number("maxclients") ?? facts.server.settings["maxclients"].flatMap({ Int64($0) }),
            let connected = facts.server.number("connected_clients")
        else { return unreadable(facts) }
        var findings: [Finding] = []
        if connected * 10 >= limit * 8 {
            findings.append(
                Finding(
                    connected * 100 >= limit * 95 ? .fault : .warning,
                    "\(connected) of \(limit) connections are in use",
                    at: "maxclients", type: facts.line("CONFIG", "SET", "maxclients", String(limit * 2))))
        }
        if let refused = facts.server.number("rejected_connections"), refused > 0 {
            findings.append(
                Finding(
                    .note, "\(refused) connections were refused since Redis started", at: "rejected_connections",
                    type: facts.line("CLIENT", "LIST")))
        }
        return Verdict(findings, otherwise: "\(connected) of \(limit) connections are in use")
    }

    private static func unreadable(_ facts: DoctorFacts) -> Verdict {
        .unknown(facts.server.settingsDenied ?? "CONFIG does not say")
    }
}
