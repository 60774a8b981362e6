import Pipeline
import Redis
import Store

/// Walks through the key space (SCAN) in search of keys that belong to nothing. Writes nothing.
struct KeySurvey {
    /// What a walk found.
    struct Result {
        var strayKeys: [PipelineFacts.StrayKey] = []
        /// Feeds that have a key, whether they stand in `feeds` or not.
        var feeds: Set<String> = []
        var keysSeen: Int64 = 0
        var keysThere: Int64 = 0
    }

    let client: BlockingRedis
    let layout: PipelineLayout
    /// How many keys are looked at; nil: all.
    let limit: Int?

    func walk() throws -> Result {
        var result = Result()
        result.keysThere = try client.call("DBSIZE").integer ?? 0
        var strays: Set<String> = []
        var seen = 0
        var cursor = "0"
        repeat {
            let page = try client.call("SCAN", cursor, "COUNT", "1000").array ?? []
            guard page.count == 2, let next = page[0].text, let keys = page[1].array else { break }
            cursor = next
            seen += keys.count
            for key in keys.compactMap(\.text) {
                if let feed = KeySurvey.feed(ofKey: key) { result.feeds.insert(feed) }
                if KeySurvey.stray(key, layout: layout) != nil { strays.insert(key) }
            }
        } while cursor != "0" && seen < limit ?? .max
        // SCAN may give a key twice, and keys come and go: a walk that came to its end has seen all that stayed.
        result.keysSeen = cursor == "0" ? result.keysThere : Int64(seen)
        let keys = strays.sorted()
        let lengths = try client.results(of: keys.map { RedisCommand("LLEN", $0) })
        result.strayKeys = zip(keys, lengths).compactMap { key, length in
            guard var stray = KeySurvey.stray(key, layout: layout) else { return nil }
            stray.length = (try? length.get())?.integer ?? 0
            return stray
        }
        return result
    }

    /// The feed that a key is a piece of; nil when it is none.
    static func feed(ofKey key: String) -> String? {
        for prefix in ["feed.ids:", "feed.items:", "feed.publishes:", "feed.config:"] where key.hasPrefix(prefix) {
            return String(key.dropFirst(prefix.count))
        }
        return nil
    }

    /// What a key stands for when it looks like one of this pipeline's lanes, and the pipeline has no such lane.
    static func stray(_ key: String, layout: PipelineLayout) -> PipelineFacts.StrayKey? {
        let start = "{\(layout.name)."
        guard key.hasPrefix(start), let brace = key.firstIndex(of: "}"),
            let partition = Int(key[key.index(key.startIndex, offsetBy: start.count)..<brace]), partition >= 0
        else { return nil }
        let words = key[key.index(after: brace)...].split(
            separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].isEmpty else { return nil }
        let isDoor = words.count == 2 && words[1] == LaneID.incoming
        let kind = isDoor ? "queue" : String(words[1])
        let stage = isDoor ? LaneID.incoming : words.count == 3 ? String(words[2]) : ""
        guard ["queue", "lane", "dead", "held"].contains(kind), !stage.isEmpty else { return nil }
        let isKnown = partition < layout.partitions && (stage == LaneID.incoming || layout.stages.contains(stage))
        if isKnown { return nil }
        return PipelineFacts.StrayKey(key: key, kind: kind, partition: partition, stage: stage, length: 0)
    }
}
