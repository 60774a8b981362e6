import Console
import JSON
import Pipeline
import Redis
import Store

/// Walks through all places of a pipeline in which comments of a person may stand, part by part, and shows how far it is.
final class PersonSearch {
    let person: Person
    let client: BlockingRedis
    let layout: PipelineLayout
    /// Lanes of former shapes that may still have letters.
    private let former: [LaneID]
    /// Elements, items and keys that were looked at.
    private(set) var looked = 0
    /// Letters whose event is no JSON object and contains the id, in the pass under way.
    private(set) var unclear = 0

    init(_ person: Person, client: BlockingRedis, layout: PipelineLayout) throws {
        self.person = person
        self.client = client
        self.layout = layout
        let names = try client.call("SMEMBERS", layout.former).array ?? []
        former = names.compactMap { $0.text.flatMap(PipelineLayout.formerLane) }.filter { !layout.contains($0) }
    }

    /// The lanes whose letters are looked at.
    var lanesWithLetters: [LaneID] { former + layout.lanes }

    /// The lanes from front to back. An event only moves on: whoever looks at the queues in this order, and at the
    /// histories after them, meets each.
    var lanesInOrder: [LaneID] {
        let partitions = 0..<layout.partitions
        return [LaneID.openInlet]
            + ([LaneID.incoming] + layout.stages).flatMap { stage in
                partitions.map { LaneID(stage: stage, partition: $0) }
            }
    }

    /// A list that is looked at.
    enum List {
        case queue(LaneID)
        case letters(SetAsideEvent.Kind, LaneID)
    }

    /// Passes on what is the person's in a list, a part at a time.
    ///
    /// - Parameter start: when the erasure began, in milliseconds since 1970: what is found is removed. Nil: it stays.
    func look(at list: List, erasingSince start: Int64? = nil, _ body: (ListPart) throws -> Void) throws {
        var seen: Int? = 0
        while let from = seen {
            let part = try client.call(call(list, from, start))
            unclear += part.unclear
            if case .queue = list { show(part.looked, "queues") } else { show(part.looked, "letters") }
            try body(part)
            seen = part.next
        }
    }

    private func call(_ list: List, _ seen: Int, _ start: Int64?) -> FunctionCall<ListPart> {
        switch (list, start) {
        case (.queue(let lane), let start?):
            .erase(person, inQueueOf: lane, of: layout, seen: seen, start: start)
        case (.queue(let lane), nil):
            .find(person, inQueueOf: lane, of: layout, seen: seen)
        case (.letters(let kind, let lane), let start?):
            .erase(person, in: kind, of: lane, of: layout, seen: seen, start: start)
        case (.letters(let kind, let lane), nil):
            .find(person, in: kind, of: lane, of: layout, seen: seen)
        }
    }

    /// Passes on what is the person's among the items of all channels' histories.
    func histories(_ body: (_ channel: String, [FeedsPart.Item]) throws -> Void) throws {
        var page = "0"
        repeat {
            let reply = try client.call("SSCAN", "feeds", page, "MATCH", "{*}", "COUNT", "200").array ?? []
            guard reply.count == 2, let next = reply[0].text else {
                throw RedisError(.reply, "SSCAN was answered in a form that is not known")
            }
            page = next
            var open = (reply[1].array ?? []).compactMap(\.text).map { (name: $0, cursor: "0") }[...]
            while !open.isEmpty {
                let part = try client.call(.find(person, in: open.prefix(100)))
                show(part.looked, "histories")
                // A call that looks at nothing would be made for ever.
                guard !part.feeds.isEmpty else { throw RedisError(.reply, "the histories cannot be looked at") }
                open = open.dropFirst(part.feeds.count)
                for feed in part.feeds {
                    if !feed.items.isEmpty { try body(String(feed.name.dropFirst().dropLast()), feed.items) }
                    if feed.cursor != "0" { open = [(feed.name, feed.cursor)] + open }
                }
            }
        } while page != "0"
    }

    /// Passes on what is the person's among the keys of the database.
    func keys(_ body: (KeysPart.Found) throws -> Void) throws {
        var cursor = "0"
        repeat {
            let part = try client.call(.findKeys(of: person, pipeline: layout.name, from: cursor))
            show(part.looked, "records")
            for found in part.found { try body(found) }
            cursor = part.cursor
        } while cursor != "0"
    }

    /// What the keys say, collected, since one comment may have several.
    func collectKeys() throws -> PersonKeys {
        var collected = PersonKeys()
        let parser = JSONParser(maxBytes: 512 << 20)
        try keys { found in
            switch found {
            case .rate(let key): collected.rates.append(key)
            case .record(let key, nil): collected.records.append(key)
            case .record(let key, let item?):
                guard let comment = NamedComment(item, parser: parser) else { return collected.records.append(key) }
                collected.comments[comment.post] = comment
            case .state(let channel, let event):
                guard let comment = NamedComment(event, parser: parser) else { return }
                collected.comments[comment.post] = comment
                collected.channels[comment.post, default: []].append(channel)
            }
        }
        return collected
    }

    /// Begins another pass.
    func begin() {
        unclear = 0
    }

    private var shown = 0

    private func show(_ count: Int, _ place: String) {
        looked += count
        guard looked - shown >= 2000 else { return }
        shown = looked
        Terminal.progress("\(place): \(Text.grouped(looked)) looked at")
    }
}

/// What is a person's among the keys of the database.
struct PersonKeys {
    /// Comments that stand somewhere, by their posts.
    var comments: [[UInt8]: NamedComment] = [:]
    /// The channels without a history whose newest event is about them.
    var channels: [[UInt8]: [String]] = [:]
    /// Records of comments of which no item is left.
    var records: [String] = []
    var rates: [String] = []
}

/// A comment by its name, and the event that deletes it.
struct NamedComment {
    /// Conversation, a NUL, id.
    let post: [UInt8]
    let conversation: String
    let id: String
    private let fields: JSONObject

    /// Nil for an event that names no comment.
    init?(_ event: [UInt8], parser: JSONParser) {
        guard let fields = try? parser.parseObject(event),
            let conversation = ConversationKey.conversation(of: fields), let id = ConversationKey.name(fields["id"])
        else { return nil }
        post = [UInt8](conversation.utf8) + [0] + id.utf8
        self.conversation = conversation
        self.id = id
        self.fields = fields
    }

    /// Milliseconds since 1970, as far as the event says when it was received.
    var received: Int64? { fields["received_at"]?.int }

    /// The deletion by the web app: it carries the names of things and nothing else.
    func deletion(at time: Int64) -> [UInt8] {
        var deletion = JSONObject()
        for name in ["id", "thread"] { deletion[name] = fields[name] }
        deletion["type"] = .string(EventType.deleted)
        if let forum = ConversationKey.name(fields["forum"]) { deletion["forum"] = .string(forum) }
        deletion["received_at"] = .int(time)
        return deletion.bytes
    }
}
