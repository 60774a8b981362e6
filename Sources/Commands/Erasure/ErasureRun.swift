import Console
import JSON
import Pipeline
import Redis
import Store

/// What an erasure has found, by place.
struct ErasureCounts: Equatable {
    var deadLetters = 0
    var heldEvents = 0
    var queued = 0
    /// Comments that were deleted in the histories, and the items of these that were replaced or retracted.
    var comments = 0
    var items = 0
    /// Records of comments that stand in no history any more.
    var records = 0
    /// Counts of comments for the limit of an author's rate.
    var rates = 0
    /// The person's channel.
    var channels = 0

    /// By the names that are printed.
    var places: [(key: String, title: String, count: Int)] {
        [
            ("dead_letters", "dead letters", deadLetters), ("held", "held events", heldEvents),
            ("queued", "events in queues", queued), ("comments", "comments in histories", comments),
            ("items", "items of these comments", items), ("records", "records of older comments", records),
            ("rates", "counts of the author's rate", rates), ("channels", "channel of the person", channels),
        ]
    }

    var total: Int { places.reduce(0) { $0 + $1.count } }
}

/// Removes what is a person's from a pipeline.
///
/// A pass looks at the letters, then at the queues from front to back, then at the records and the histories. Events only
/// move on, so a pass meets each of them, but for those that an operator sends back and those that become letters during the
/// pass: so there are further passes until one finds nothing that was received before the start. Each step is one call that
/// does all of its part: whoever ends the run half-way runs it again.
struct ErasureRun {
    let search: PersonSearch
    /// Milliseconds since 1970, by the server's clock.
    let start: Int64
    private(set) var counts = ErasureCounts()
    private(set) var passes = 0
    private var parser = JSONParser(maxBytes: 512 << 20)
    private var known = PersonKeys()
    /// What the pass under way has found that was received before the start.
    private var old = 0

    /// A person who goes on writing is not waited for.
    private static let mostPasses = 16

    init(_ search: PersonSearch) throws {
        self.search = search
        let time = try search.client.call("TIME").array ?? []
        guard let seconds = time.first?.integer else { throw RedisError(.reply, "TIME was answered without a time") }
        start = seconds * 1000 + (time.last?.integer ?? 0) / 1000
    }

    private var client: BlockingRedis { search.client }
    private var layout: PipelineLayout { search.layout }
    private var person: Person { search.person }

    mutating func all() throws {
        repeat {
            old = 0
            let before = counts.total
            search.begin()
            try letters()
            try queues()
            try keys()
            try histories()
            passes += 1
            // What does not say when it was received counts in the first pass.
            if passes == 1 { old = counts.total - before }
        } while old > 0 && passes < ErasureRun.mostPasses
        counts.channels += try client.call(.eraseChannel("user:\(person.id)"))
    }

    private mutating func letters() throws {
        for lane in search.lanesWithLetters {
            for kind in [SetAsideEvent.Kind.held, .dead] {
                try search.look(at: .letters(kind, lane), erasingSince: start) { part in
                    old += part.old
                    if kind == .held { counts.heldEvents += part.removed } else { counts.deadLetters += part.removed }
                }
            }
        }
    }

    private mutating func queues() throws {
        for lane in search.lanesInOrder {
            try search.look(at: .queue(lane), erasingSince: start) { part in
                old += part.old
                counts.queued += part.removed
            }
        }
    }

    private mutating func keys() throws {
        known = try search.collectKeys()
        for key in known.rates { counts.rates += Int(try client.call("UNLINK", key).integer ?? 0) }
        for key in known.records { counts.records += try client.call(.eraseRecord(key, of: person)) }
        for comment in known.comments.values { try erase(comment, at: [:]) }
    }

    private mutating func histories() throws {
        try search.histories { channel, items in
            var comments: [[UInt8]: (NamedComment, numbers: [String])] = [:]
            var nameless: [String] = []
            for item in items {
                guard let comment = NamedComment(item.event, parser: parser) else {
                    nameless.append(item.number)
                    continue
                }
                comments[comment.post, default: (comment, [])].numbers.append(item.number)
            }
            for (comment, numbers) in comments.values { try erase(comment, at: [channel: numbers]) }
            if !nameless.isEmpty { counts.items += try client.call(.retract(nameless, from: channel)) }
        }
    }

    private mutating func erase(_ comment: NamedComment, at found: [String: [String]]) throws {
        var places = found
        // A channel that does not exist, or is about another comment, is passed over.
        for channel in (known.channels[comment.post] ?? []) + ["post:\(comment.id)"] where places[channel] == nil {
            places[channel] = []
        }
        let erased = try client.call(
            .erase(
                comment.post, by: comment.deletion(at: start), at: places,
                partition: layout.partition(of: comment.conversation), of: layout))
        counts.comments += 1
        counts.items += erased.items
        if let received = comment.received, received < start { old += 1 }
    }
}

extension PersonSearch {
    /// Counts what an erasure would find now, and changes nothing.
    func count() throws -> ErasureCounts {
        var counts = ErasureCounts()
        begin()
        for lane in lanesWithLetters {
            try look(at: .letters(.held, lane)) { counts.heldEvents += $0.elements.count }
            try look(at: .letters(.dead, lane)) { counts.deadLetters += $0.elements.count }
        }
        for lane in lanesInOrder {
            try look(at: .queue(lane)) { counts.queued += $0.elements.count }
        }
        let parser = JSONParser(maxBytes: 512 << 20)
        let known = try collectKeys()
        (counts.rates, counts.records) = (known.rates.count, known.records.count)
        var comments = Set(known.comments.keys)
        try histories { _, items in
            for item in items { NamedComment(item.event, parser: parser).map { _ = comments.insert($0.post) } }
            counts.items += items.count
        }
        counts.comments = comments.count
        let own = ["feed.publishes:{user:\(person.id)}", "feed.state:{user:\(person.id)}"]
        counts.channels = min(1, Int(try client.call(RedisCommand(words: ["EXISTS"] + own)).integer ?? 0))
        return counts
    }
}
