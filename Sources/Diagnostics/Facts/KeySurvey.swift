import Pipeline
import Redis
import Store

/// What only the keys themselves tell of a pipeline.
struct KeyFacts {
    /// What a partition keeps besides its lanes.
    struct Partition {
        var number: Int
        var epoch: Int64?
        /// The run id of the server that the epoch belongs to.
        var runID: String?
        var seen: [SeenSet] = []
    }

    /// One of the two sets of ids by which a partition recognises repeats.
    struct SeenSet {
        var key: String
        var count: Int64
        var expires: Bool
    }

    /// A key named like one of this pipeline's, for a stage or a partition that the pipeline does not have.
    struct StrayKey: Equatable {
        var key: String
        /// `queue`, `lane`, `dead` or `held`.
        var kind: String
        var partition: Int
        var stage: String
        /// Elements of its list.
        var length: Int64
    }

    /// The pipeline's shape as this process is configured.
    var expected: PipelineLayout
    /// The hash `NAME:config`; empty when there is none.
    var config: [String: String] = [:]
    var partitions: [Partition] = []
    var foreignKeys: [ForeignKey] = []
    var strayKeys: [StrayKey] = []
    /// How many keys were searched for stray ones, and how many there are.
    var keysSeen: Int64 = 0
    var keysThere: Int64 = 0
}

/// A key with another type than its name says.
struct ForeignKey: Equatable {
    var key: String
    var expected: String
    var actual = "value of another type"
}

/// Walks through the key space (SCAN) in search of stray keys and of feeds. Writes nothing.
struct KeySurvey {
    let client: BlockingRedis
    let layout: PipelineLayout
    /// How many keys are looked at; nil: all.
    let limit: Int?

    /// Adds what the walk finds.
    ///
    /// - Returns: the feeds that have a key, whether they stand in `feeds` or not.
    func walk(into facts: inout KeyFacts) throws -> Set<String> {
        facts.keysThere = try client.call("DBSIZE").integer ?? 0
        var feeds: Set<String> = []
        var strays: Set<String> = []
        var seen = 0
        var cursor = "0"
        repeat {
            let page = try client.call("SCAN", cursor, "COUNT", "1000").array ?? []
            guard page.count == 2, let next = page[0].text, let keys = page[1].array else { break }
            cursor = next
            seen += keys.count
            for key in keys.compactMap(\.text) {
                if let feed = FeedFacts.feed(ofKey: key) { feeds.insert(feed) }
                if KeySurvey.stray(key, layout: layout) != nil { strays.insert(key) }
            }
        } while cursor != "0" && seen < limit ?? .max
        // SCAN may give a key twice, and keys come and go: a walk that reached its end has seen all that stayed.
        facts.keysSeen = cursor == "0" ? facts.keysThere : Int64(seen)
        let keys = strays.sorted()
        let lengths = try client.results(of: keys.map { RedisCommand("LLEN", $0) })
        facts.strayKeys = zip(keys, lengths).compactMap { key, length in
            guard var stray = KeySurvey.stray(key, layout: layout) else { return nil }
            stray.length = (try? length.get())?.integer ?? 0
            return stray
        }
        return feeds
    }

    /// What a key is named for when it looks like a lane's key and the pipeline has no such lane; else nil.
    static func stray(_ key: String, layout: PipelineLayout) -> KeyFacts.StrayKey? {
        let start = "{\(layout.name)."
        guard key.hasPrefix(start), let brace = key.firstIndex(of: "}"),
            let partition = Int(key[key.index(key.startIndex, offsetBy: start.count)..<brace]), partition >= 0
        else { return nil }
        let words = key[key.index(after: brace)...].split(
            separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].isEmpty else { return nil }
        let isIncoming = words.count == 2 && words[1] == LaneID.incoming
        let kind = isIncoming ? "queue" : String(words[1])
        let stage = isIncoming ? LaneID.incoming : words.count == 3 ? String(words[2]) : ""
        guard ["queue", "lane", "dead", "held"].contains(kind), !stage.isEmpty else { return nil }
        let isKnown = partition < layout.partitions && (stage == LaneID.incoming || layout.stages.contains(stage))
        if isKnown { return nil }
        return KeyFacts.StrayKey(key: key, kind: kind, partition: partition, stage: stage, length: 0)
    }
}
