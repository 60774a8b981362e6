import Console
import Pipeline
import Store

/// The feeds. Those that Tidings made have dense ids; of other Thoonk clients' feeds only the keys are judged.
enum FeedRules {
    static let all = [
        Rule("feed-key-type", .feeds, needs: \.feeds, types),
        Rule("feed-listed", .feeds, needs: \.feeds, listed),
        Rule("feed-items", .feeds, needs: \.feeds, items),
        Rule("feed-sequence", .feeds, needs: \.feeds, sequence),
        Rule("feed-gap", .feeds, needs: \.feeds, gaps),
        Rule("feed-length", .feeds, needs: \.feeds, length),
        Rule("feed-idle", .feeds, needs: \.feeds, idle),
    ]

    static func types(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        let findings = feeds.foreignKeys.map { foreign in
            Finding(
                .fault, "the key holds a \(foreign.actual), not a \(foreign.expected)",
                why: "nothing can be published in this feed", at: foreign.key,
                type: facts.command("RENAME", foreign.key, "\(foreign.key):foreign"),
                hint: "find out which client writes it")
        }
        return Rule.Outcome(findings, otherwise: "every key of a feed has its type, in \(feeds.scope)")
    }

    /// `feeds` names every feed that has keys, and no other.
    static func listed(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        let findings = feeds.feeds.compactMap { feed -> Finding? in
            if feed.isListed {
                guard feed.isEmpty else { return nil }
                return Finding(
                    .warning, "feeds names \(feed.name), which has no keys", at: "feeds",
                    type: facts.command("SREM", "feeds", feed.name), repair: .unlistFeed(feed.name))
            }
            guard !feed.isEmpty else { return nil }
            if feed.isChannel {
                return Finding(
                    .warning, "feeds does not name \(feed.name)", why: "it is never cleared when idle",
                    at: "feed.config:\(feed.name)",
                    type: facts.command("SADD", "feeds", feed.name), repair: .listFeed(feed.name))
            }
            let pieces = FeedFacts.keyPrefixes.map { $0 + feed.name }
            return Finding(
                .note, "keys are left of a feed that is gone: \(feed.name)", at: pieces[0],
                type: ([facts.redisCLI, "DEL"] + pieces.map(ShellQuote.quoted)).joined(separator: " "))
        }
        return Rule.Outcome(findings, otherwise: "feeds and their keys agree, in \(feeds.scope)")
    }

    /// Every id has its item, every item its id.
    static func items(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        var findings: [Finding] = []
        for feed in channels(feeds) {
            let (ids, items) = ("feed.ids:\(feed.name)", "feed.items:\(feed.name)")
            if let first = feed.itemsWithoutID.first {
                let shown = feed.itemsWithoutID.prefix(5).joined(separator: ", ")
                let time = Int64(feed.newestTime ?? Double(feeds.time))
                findings.append(
                    Finding(
                        .fault, "\(feed.itemsWithoutID.count) items have no id: \(shown)", at: ids,
                        type: facts.command("ZADD", ids, "NX", String(time), first),
                        hint: "and the others, each with the time of its neighbour"))
            }
            if let first = feed.idsWithoutItem.first {
                let shown = feed.idsWithoutItem.prefix(5).joined(separator: ", ")
                findings.append(
                    Finding(
                        .fault, "\(feed.idsWithoutItem.count) ids have no item: \(shown)", at: items,
                        type: facts.command("ZREM", ids, first), hint: "and the others: their events are lost"))
            }
        }
        return Rule.Outcome(findings, otherwise: "every id has its item, in \(feeds.scope)")
    }

    /// The newest id is the last number that was given out.
    static func sequence(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        let findings = channels(feeds).compactMap { feed -> Finding? in
            let key = "feed.publishes:\(feed.name)"
            guard let newest = feed.newest, newest != feed.publishes ?? 0 else { return nil }
            let given = feed.publishes ?? 0
            if newest > given {
                return Finding(
                    .fault, "the counter is \(given), the newest id \(newest)", why: "numbers will be given out twice",
                    at: key, type: facts.command("SET", key, String(newest)))
            }
            return Finding(
                .note,
                "the newest id is \(newest), the counter \(given)", why: "the events between were retracted, or lost",
                at: key)
        }
        return Rule.Outcome(findings, otherwise: "the newest id is the last number given, in \(feeds.scope)")
    }

    /// No number is missing between the oldest and the newest, but those of changes that later ones have replaced.
    static func gaps(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        let findings = channels(feeds).compactMap { feed -> Finding? in
            guard !feed.holes.isEmpty else { return nil }
            let shown = feed.holes.prefix(5).map(String.init).joined(separator: ", ")
            return Finding(
                .note, "\(feed.holes.count) numbers are missing: \(shown)",
                why: "they were retracted, or changes that later ones have replaced; else they are lost",
                at: "feed.ids:\(feed.name)")
        }
        return Rule.Outcome(findings, otherwise: "no number is missing, in \(feeds.scope)")
    }

    static func length(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        // Items of other clients are cleared once in 64 events or a batch, and a history is cut by a sixteenth.
        let cleared = Int64(64 + facts.limits.batchEvents)
        let findings = channels(feeds).compactMap { feed -> Finding? in
            let limit = max(feed.maxLength ?? 0, Int64(facts.limits.history[feed.channel].events))
            guard feed.idCount > limit + limit / 16 + cleared else { return nil }
            return Finding(
                .warning,
                "the feed has \(feed.idCount.grouped) events, \(limit.grouped) is its limit",
                at: "feed.ids:\(feed.name)", hint: "the next events trim it; see that a worker publishes")
        }
        return Rule.Outcome(findings, otherwise: "no feed is longer than its history, in \(feeds.scope)")
    }

    static func idle(_ facts: Facts, _ feeds: FeedsFacts) -> Rule.Outcome {
        let publishes = facts.living.contains { $0.stages.contains("publish") }
        guard publishes else { return .unknown("no worker publishes, so none clears idle feeds") }
        let findings = channels(feeds).compactMap { feed -> Finding? in
            guard let lifetime = feed.lifetime, lifetime > 0, let newest = feed.newestTime else { return nil }
            // The worker looks at each feed within a tenth of its lifetime, or a little more.
            guard newest < Double(feeds.time - lifetime - lifetime / 5 - 60_000) else { return nil }
            return Finding(
                .warning,
                "the feed is still there though it has been idle for longer than its lifetime, \(lifetime / 1000) s",
                at: "feed.ids:\(feed.name)", hint: "read the log of the workers that publish")
        }
        return Rule.Outcome(findings, otherwise: "idle feeds are cleared, in \(feeds.scope)")
    }

    private static func channels(_ feeds: FeedsFacts) -> [FeedFacts] {
        feeds.feeds.filter(\.isChannel)
    }
}
