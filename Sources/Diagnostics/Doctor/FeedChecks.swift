import Console
import Pipeline

/// The feeds. Those of Tidings have dense ids; of feeds made by other Thoonk clients only the keys are looked at.
enum FeedChecks {
    static let all = [
        DoctorCheck("feed-key-type", .feeds, types),
        DoctorCheck("feed-listed", .feeds, listed),
        DoctorCheck("feed-items", .feeds, items),
        DoctorCheck("feed-sequence", .feeds, sequence),
        DoctorCheck("feed-gap", .feeds, gaps),
        DoctorCheck("feed-length", .feeds, length),
        DoctorCheck("feed-idle", .feeds, idle),
    ]

    static func types(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.feeds.foreignKeys.map { foreign in
            Finding(
                .fault, "the key holds a \(foreign.actual), not a \(foreign.expected): nothing can be published there",
                at: foreign.key,
                type: "find out who writes it; put it aside: "
                    + facts.line("RENAME", foreign.key, "\(foreign.key):foreign"))
        }
        return Verdict(findings, otherwise: "every key of a feed has its type, in \(facts.feeds.scope)")
    }

    /// `feeds` names what is there, and what is there stands in `feeds`.
    static func listed(_ facts: DoctorFacts) -> Verdict {
        let findings = facts.feeds.feeds.compactMap { feed -> Finding? in
            if feed.isListed {
                guard feed.isEmpty else { return nil }
                return Finding(
                    .warning, "\(feed.name) stands in feeds and has no keys", at: "feeds",
                    type: facts.line("SREM", "feeds", feed.name), repair: .delistFeed(feed.name))
            }
            guard !feed.isEmpty else { return nil }
            if feed.isChannel {
                return Finding(
                    .warning, "\(feed.name) does not stand in feeds: it is never cleared",
                    at: "feed.config:\(feed.name)",
                    type: facts.line("SADD", "feeds", feed.name), repair: .listFeed(feed.name))
            }
            let pieces = ["feed.ids:", "feed.items:", "feed.publishes:", "feed.config:"].map { $0 + feed.name }
            return Finding(
                .note, "pieces of a feed that is gone: \(feed.name)", at: pieces[0],
                type: ([facts.cli, "DEL"] + pieces.map(ShellQuote.quoted)).joined(separator: " "))
        }
        return Verdict(findings, otherwise: "feeds and their keys agree, in \(facts.feeds.scope)")
    }

    /// Every id has its item, every item its id.
    static func items(_ facts: DoctorFacts) -> Verdict {
        var findings: [Finding] = []
        for feed in channels(facts) {
            let (ids, items) = ("feed.ids:\(feed.name)", "feed.items:\(feed.name)")
            if let first = feed.itemsWithoutID.first {
                let shown = feed.itemsWithoutID.prefix(5).joined(separator: ", ")
                let time = Int64(feed.newestTime ?? Double(facts.feeds.time))
                findings.append(
                    Finding(
                        .fault, "\(feed.itemsWithoutID.count) items have no id: \(shown)", at: ids,
                        type: facts.line("ZADD", ids, "NX", String(time), first)
                            + "   # and the others, each with the time of its neighbour"))
            }
            if let first = feed.idsWithoutItem.first {
                let shown = feed.idsWithoutItem.prefix(5).joined(separator: ", ")
                findings.append(
                    Finding(
                        .fault, "\(feed.idsWithoutItem.count) ids have no item: \(shown)", at: items,
                        type: "the events are lost here; take the ids out: " + facts.line("ZREM", ids, first)))
            }
        }
        return Verdict(findings, otherwise: "every id has its item, in \(facts.feeds.scope)")
    }

    /// The newest id is the last number given.
    static func sequence(_ facts: DoctorFacts) -> Verdict {
        let findings = channels(facts).compactMap { feed -> Finding? in
            let key = "feed.publishes:\(feed.name)"
            guard let newest = feed.newest, newest != feed.publishes ?? 0 else { return nil }
            let given = feed.publishes ?? 0
            if newest > given {
                return Finding(
                    .fault, "the counter stands at \(given), the newest id is \(newest): numbers will be given twice",
                    at: key, type: facts.line("SET", key, String(newest)))
            }
            return Finding(
                .note,
                "the newest id is \(newest), the counter stands at \(given): what lies between was retracted, or lost",
                at: key)
        }
        return Verdict(findings, otherwise: "the newest id is the last number given, in \(facts.feeds.scope)")
    }

    /// No number is missing between the oldest and the newest.
    static func gaps(_ facts: DoctorFacts) -> Verdict {
        let findings = channels(facts).compactMap { feed -> Finding? in
            guard !feed.holes.isEmpty else { return nil }
            let shown = feed.holes.prefix(5).map(String.init).joined(separator: ", ")
            return Finding(
                .note, "\(feed.holes.count) numbers are missing: \(shown); their events were retracted, or lost",
                at: "feed.ids:\(feed.name)")
        }
        return Verdict(findings, otherwise: "no number is missing, in \(facts.feeds.scope)")
    }

    static func length(_ facts: DoctorFacts) -> Verdict {
        // A limit that was changed is applied, and noted in feed.config, once in 64 events or a batch.
        let slack = Int64(64 + facts.limits.batchEvents)
        let findings = channels(facts).compactMap { feed -> Finding? in
            let limit = max(feed.maxLength ?? 0, Int64(facts.limits.historyEvents))
            guard feed.idCount > limit + slack else { return nil }
            return Finding(
                .warning,
                "the feed holds \(Text.grouped(Int(feed.idCount))) events, \(Text.grouped(Int(limit))) is its limit",
                at: "feed.ids:\(feed.name)", type: "the next events trim it; see that a worker publishes")
        }
        return Verdict(findings, otherwise: "no feed is longer than its history, in \(facts.feeds.scope)")
    }

    static func idle(_ facts: DoctorFacts) -> Verdict {
        let publishes = facts.pipeline.living(within: Heartbeat.lifetime).contains { $0.stages.contains("publish") }
        guard publishes else { return .unknown("no worker publishes, so none clears idle feeds") }
        let findings = channels(facts).compactMap { feed -> Finding? in
            guard let lifetime = feed.lifetime, lifetime > 0, let newest = feed.newestTime else { return nil }
            // Each is looked at within a tenth of its lifetime, or a little more.
            guard newest < Double(facts.feeds.time - lifetime - lifetime / 5 - 60_000) else { return nil }
            return Finding(
                .warning,
                "the feed has been idle for longer than its lifetime, \(lifetime / 1000) s, and is still there",
                at: "feed.ids:\(feed.name)", type: "look into the log of the workers that publish")
        }
        return Verdict(findings, otherwise: "idle feeds are cleared, in \(facts.feeds.scope)")
    }

    private static func channels(_ facts: DoctorFacts) -> [FeedFacts] {
        facts.feeds.feeds.filter(\.isChannel)
    }
}
