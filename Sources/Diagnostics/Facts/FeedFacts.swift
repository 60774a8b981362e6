import Console
import Pipeline
import Redis

/// The feeds that were looked at.
struct FeedsFacts {
    var feeds: [FeedFacts] = []
    /// How many there are in `feeds`.
    var listed: Int64 = 0
    /// Keys of feeds with another type than they should have.
    var foreignKeys: [ForeignKey] = []
    /// The server's clock, in ms since 1970.
    var time: Int64 = 0

    /// "all 12 feeds", "1,000 of 52,310 feeds".
    var scope: String {
        let examined = feeds.lazy.filter(\.isListed).count
        return examined >= listed
            ? "all \(listed.grouped) feeds" : "\(Text.grouped(examined)) of \(listed.grouped) feeds"
    }
}

/// A feed at one moment: its four keys, read in one transaction.
struct FeedFacts {
    /// What the names of a feed's keys begin with.
    static let keyPrefixes = ["feed.ids:", "feed.items:", "feed.publishes:", "feed.config:"]

    /// As Thoonk names it; a channel's feed is the channel in braces.
    var name: String
    /// Whether `feeds` names it.
    var isListed = true
    /// `type` in its configuration: `feed`, or another kind of Thoonk; nil: it has no configuration.
    var type: String?
    var maxLength: Int64?
    /// How long it is kept when nothing is published, in ms; nil: forever.
    var lifetime: Int64?
    /// When it was made, in ms; only Tidings writes it.
    var born: Int64?
    /// The last sequence number that was given out; nil: the key is missing.
    var publishes: Int64?
    var idCount: Int64 = 0
    var itemCount: Int64 = 0
    /// The lowest and highest id, and the time of the newest in ms; nil when there is none, or it is no number.
    var oldest: Int64?
    var newest: Int64?
    var newestTime: Double?
    /// Ids that have no item, items that have no id, and numbers in between that have neither. They are looked for when
    /// ``isUneven``.
    var idsWithoutItem: [String] = []
    var itemsWithoutID: [String] = []
    var holes: [Int64] = []

    /// The feed that a key is a part of; nil: none.
    static func feed(ofKey key: String) -> String? {
        keyPrefixes.first(where: key.hasPrefix).map { String(key.dropFirst($0.count)) }
    }

    /// Whether Tidings made it: only then are its ids dense.
    var isChannel: Bool { type == "feed" && born != nil && name.hasPrefix("{") && name.hasSuffix("}") }
    /// The channel's name, where it is a channel's.
    var channel: String { String(name.dropFirst().dropLast()) }
    /// Whether all its keys are missing.
    var isEmpty: Bool { type == nil && publishes == nil && idCount == 0 && itemCount == 0 }
    /// Whether the counts, or the first and last id, show that ids or items may be missing.
    var isUneven: Bool {
        guard isChannel else { return false }
        if idCount != itemCount { return true }
        guard let oldest, let newest else { return idCount > 0 }
        return newest - oldest + 1 != idCount || newest != publishes ?? 0
    }
}

/// Reads feeds. Writes nothing.
struct FeedSurvey {
    let client: BlockingRedis
    /// How many feeds are looked at, picked by chance; nil: all.
    let limit: Int?

    /// - Parameter found: feeds of which the walk through the key space met a key, listed or not.
    /// - Returns: the feeds; the actual types of foreign keys are still to be found out.
    func facts(found: Set<String>) throws -> FeedsFacts {
        var facts = FeedsFacts()
        let count = try client.transactions([[RedisCommand("SCARD", "feeds"), RedisCommand("TIME")]])[0]
        facts.time = ServerSurvey.milliseconds(count[1]) ?? 0
        // When `feeds` is no set, the rules for the pipeline's keys report it.
        guard let listed = count[0].integer else { return facts }
        facts.listed = listed
        var names = Set(try listedNames())
        names.formUnion(found.sorted().prefix(limit ?? .max).filter { !names.contains($0) })
        let sorted = names.sorted()
        for start in stride(from: 0, to: sorted.count, by: 200) {
            let page = Array(sorted[start..<min(start + 200, sorted.count)])
            for (name, values) in zip(page, try client.transactions(page.map(FeedSurvey.questions))) {
                facts.feeds.append(FeedSurvey.read(name, values, &facts.foreignKeys))
            }
        }
        // Damaged feeds are read in full. Where there are more than 100, they very likely share their damage.
        for index in facts.feeds.indices.filter({ facts.feeds[$0].isUneven }).prefix(100) {
            try inspect(&facts.feeds[index])
        }
        return facts
    }

    /// Compares the ids of a feed with the names of its items.
    static func compare(_ feed: inout FeedFacts, ids: [String], items: [String]) {
        let (idSet, itemSet) = (Set(ids), Set(items))
        func ordered(_ names: Set<String>) -> [String] {
            names.sorted { ($0.count, $0) < ($1.count, $1) }
        }
        feed.idsWithoutItem = ordered(idSet.subtracting(itemSet))
        feed.itemsWithoutID = ordered(itemSet.subtracting(idSet))
        // Compared as numbers: where several lanes publish to a feed, its ids may be in another order by time.
        let given = idSet.compactMap { Int64($0) }
        (feed.oldest, feed.newest) = (given.min(), given.max())
        let numbers = Set(idSet.union(itemSet).compactMap { Int64($0) })
        guard let low = numbers.min(), let high = numbers.max(), high - low < 10_000_000 else { return }
        feed.holes = (low...high).filter { !numbers.contains($0) }
    }

    private func listedNames() throws -> [String] {
        if let limit {
            return try client.call("SRANDMEMBER", "feeds", String(limit)).array?.compactMap(\.text) ?? []
        }
        var names: [String] = []
        var cursor = "0"
        repeat {
            let page = try client.call("SSCAN", "feeds", cursor, "COUNT", "1000").array ?? []
            guard page.count == 2, let next = page[0].text else { break }
            cursor = next
            names += (page[1].array ?? []).compactMap(\.text)
        } while cursor != "0"
        return names
    }

    private static func questions(_ name: String) -> [RedisCommand] {
        [
            RedisCommand("SISMEMBER", "feeds", name),
            RedisCommand("HMGET", "feed.config:\(name)", "type", "max_length", "ttl", "born"),
            RedisCommand("HLEN", "feed.items:\(name)"), RedisCommand("GET", "feed.publishes:\(name)"),
            RedisCommand("ZCARD", "feed.ids:\(name)"), RedisCommand("ZRANGE", "feed.ids:\(name)", "0", "0"),
            RedisCommand("ZRANGE", "feed.ids:\(name)", "-1", "-1", "WITHSCORES"),
        ]
    }

    private static func read(
        _ name: String, _ values: [RedisValue], _ foreign: inout [ForeignKey]
    ) -> FeedFacts {
        var feed = FeedFacts(name: name)
        guard values.count == 7 else { return feed }
        feed.isListed = values[0].integer == 1
        let config = (values[1].array ?? []).map(\.text)
        if config.count == 4 {
            feed.type = config[0]
            feed.maxLength = config[1].flatMap { Int64($0) }
            feed.lifetime = config[2].flatMap { Int64($0) }
            feed.born = config[3].flatMap { Int64($0) }
        }
        feed.itemCount = values[2].integer ?? 0
        feed.publishes = values[3].integer
        feed.idCount = values[4].integer ?? 0
        feed.oldest = values[5].array?.first?.integer
        let newest = values[6].array ?? []
        feed.newest = newest.first?.integer
        feed.newestTime = newest.count == 2 ? newest[1].text.flatMap { Double($0) } : nil
        let keys = [
            (1, "feed.config:\(name)", "hash"), (2, "feed.items:\(name)", "hash"),
            (3, "feed.publishes:\(name)", "string"),
        ]
        for (index, key, type) in keys where values[index].isWrongType {
            foreign.append(ForeignKey(key: key, expected: type))
        }
        // Thoonk's other kinds of feed keep their ids in a list.
        if values[4].isWrongType {
            feed.idCount = feed.itemCount
            if feed.type == nil || feed.type == "feed" {
                foreign.append(ForeignKey(key: "feed.ids:\(name)", expected: "zset"))
            }
        }
        return feed
    }

    private func inspect(_ feed: inout FeedFacts) throws {
        let values = try client.transactions([
            [
                RedisCommand("ZRANGE", "feed.ids:\(feed.name)", "0", "-1"),
                RedisCommand("HKEYS", "feed.items:\(feed.name)"),
            ]
        ])[0]
        guard let ids = values[0].array, let items = values[1].array else { return }
        FeedSurvey.compare(&feed, ids: ids.compactMap(\.text), items: items.compactMap(\.text))
    }
}
