import Pipeline
import Redis

/// Reads feeds. Writes nothing.
struct FeedSurvey {
    let client: BlockingRedis
    /// How many feeds are looked at, picked by chance; nil: all.
    let limit: Int?

    /// - Parameter found: feeds of which a key was met on the way, listed or not.
    func facts(found: Set<String>) throws -> (feeds: FeedsFacts, foreign: [(key: String, expected: String)]) {
        var facts = FeedsFacts()
        var foreign: [(key: String, expected: String)] = []
        let count = try client.transactions([[RedisCommand("SCARD", "feeds"), RedisCommand("TIME")]])[0]
        facts.time = ServerSurvey.milliseconds(count[1]) ?? 0
        // The pipeline's own checks report `feeds` when it is no set.
        guard let listed = count[0].integer else { return (facts, []) }
        facts.listed = listed
        var names = Set(try listedNames())
        names.formUnion(found.sorted().prefix(limit ?? .max).filter { !names.contains($0) })
        let sorted = names.sorted()
        for start in stride(from: 0, to: sorted.count, by: 200) {
            let page = Array(sorted[start..<min(start + 200, sorted.count)])
            for (name, values) in zip(page, try client.transactions(page.map(FeedSurvey.questions))) {
                facts.feeds.append(FeedSurvey.read(name, values, &foreign))
            }
        }
        // What is damaged is looked at more closely; beyond some dozens it is all the same damage.
        for index in facts.feeds.indices.filter({ facts.feeds[$0].isUneven }).prefix(100) {
            try inspect(&facts.feeds[index])
        }
        return (facts, foreign)
    }

    /// Compares the ids of a feed with the names of its items.
    static func compare(_ feed: inout FeedFacts, ids: [String], items: [String]) {
        let (idSet, itemSet) = (Set(ids), Set(items))
        func ordered(_ names: Set<String>) -> [String] {
            names.sorted { ($0.count, $0) < ($1.count, $1) }
        }
        feed.idsWithoutItem = ordered(idSet.subtracting(itemSet))
        feed.itemsWithoutID = ordered(itemSet.subtracting(idSet))
        // By number: where several lanes publish to a feed, the order of its times may differ from that of its ids.
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
        _ name: String, _ values: [RedisValue], _ foreign: inout [(key: String, expected: String)]
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
        for (index, key, type) in keys where values[index].isWrongType { foreign.append((key, type)) }
        // The ids of Thoonk's other kinds stand in a list.
        if values[4].isWrongType {
            feed.idCount = feed.itemCount
            if feed.type == nil || feed.type == "feed" { foreign.append(("feed.ids:\(name)", "zset")) }
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
