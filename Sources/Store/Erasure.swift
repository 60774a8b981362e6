import Redis

/// A person whose comments are looked for, to be exported or erased.
///
/// A comment is a person's when its `author.id`, as text, is the id; when it was sent with a token whose `sub` is the id;
/// or when its record says that the person owns it.
package struct Person: Equatable, Sendable {
    package let id: String
    /// The owner as records hold it; empty when no `sub` can be the id.
    package let owner: String

    package init(id: String) {
        self.id = id
        owner = Sender(subject: id, isModerator: false).map { String(decoding: $0.escaped, as: UTF8.self) } ?? ""
    }

    fileprivate var words: [String] { [id, owner] }
}

/// What a call has found in a part of a list, or taken out of it.
package struct ListPart: Equatable {
    /// How many elements were looked at from the end of the list: the next call goes on there. Nil at the head.
    package let next: Int?
    package let looked: Int
    /// Letters whose event is no JSON object and contains the id: only a person can tell whose they are.
    package let unclear: Int
    /// What was found, newest first; empty when it was taken out.
    package let elements: [[UInt8]]
    package let removed: Int
    /// How many of these were received before the erasure began, as far as they say.
    package let old: Int

    fileprivate init?(_ value: RedisValue, hasElements: Bool) {
        guard let parts = value.array, parts.count >= (hasElements ? 3 : 5), let next = parts[0].integer,
            let looked = parts[1].integer, let unclear = parts[2].integer
        else { return nil }
        self.next = next < 0 ? nil : Int(next)
        self.looked = Int(looked)
        self.unclear = Int(unclear)
        elements = hasElements ? parts[3...].compactMap(\.bytes) : []
        removed = hasElements ? 0 : Int(parts[3].integer ?? 0)
        old = hasElements ? 0 : Int(parts[4].integer ?? 0)
    }
}

extension FunctionCall where Answer == ListPart {
    /// Events or letters of a call, at most; it ends earlier when they are large.
    private static let most = "256"

    /// Finds what is a person's among the events of a lane's queue, from its end.
    ///
    /// - Parameter seen: where the call before has ended; 0 begins.
    package static func find(_ person: Person, inQueueOf lane: LaneID, of layout: PipelineLayout, seen: Int) -> Self {
        find(person, in: layout.queue(lane), kind: "queue", seen)
    }

    /// Finds what is a person's among the letters of a lane, from the end of their list.
    package static func find(
        _ person: Person, in kind: SetAsideEvent.Kind, of lane: LaneID, of layout: PipelineLayout, seen: Int
    ) -> Self {
        find(person, in: layout.setAside(kind, in: lane), kind: "letters", seen)
    }

    private static func find(_ person: Person, in list: String, kind: String, _ seen: Int) -> Self {
        FunctionCall(
            "find_in_list", keys: [list], [kind] + person.words + [String(seen), most], isReadOnly: true
        ) { ListPart($0, hasElements: true) }
    }

    /// Drops what is a person's among the events of a lane's queue, counted as `dropped:erased`.
    ///
    /// - Parameter start: when the erasure began, in milliseconds since 1970.
    package static func erase(
        _ person: Person, inQueueOf lane: LaneID, of layout: PipelineLayout, seen: Int, start: Int64
    ) -> Self {
        FunctionCall(
            "erase_queue", keys: [layout.queue(lane), layout.lane(lane)],
            person.words + [String(seen), most, String(start)]
        ) { ListPart($0, hasElements: false) }
    }

    /// Deletes what is a person's among the letters of a lane.
    package static func erase(
        _ person: Person, in kind: SetAsideEvent.Kind, of lane: LaneID, of layout: PipelineLayout, seen: Int,
        start: Int64
    ) -> Self {
        FunctionCall(
            "erase_letters", keys: [layout.setAside(kind, in: lane)],
            person.words + [String(seen), most, String(start)]
        ) { ListPart($0, hasElements: false) }
    }
}

/// What a call has found in some feeds.
package struct FeedsPart: Equatable {
    package struct Feed: Equatable {
        /// Its name in Redis: a channel in braces.
        package let name: String
        /// Where the next call begins; `0` at the end.
        package let cursor: String
        package let items: [Item]
    }

    package struct Item: Equatable {
        package let number: String
        package let event: [UInt8]
    }

    package let looked: Int
    /// The first of the feeds that were asked for, as far as the call has come.
    package let feeds: [Feed]

    fileprivate init?(_ value: RedisValue) {
        guard let parts = value.array, let looked = parts.first?.integer else { return nil }
        self.looked = Int(looked)
        var feeds: [Feed] = []
        for part in parts.dropFirst() {
            guard let fields = part.array, fields.count >= 2, let name = fields[0].text, let cursor = fields[1].text
            else { return nil }
            let items = stride(from: 2, to: fields.count - 1, by: 2).compactMap { index -> Item? in
                guard let number = fields[index].text, let event = fields[index + 1].bytes else { return nil }
                return Item(number: number, event: event)
            }
            feeds.append(Feed(name: name, cursor: cursor, items: items))
        }
        self.feeds = feeds
    }
}

extension FunctionCall where Answer == FeedsPart {
    /// Finds what is a person's among the items of feeds.
    ///
    /// - Parameter feeds: each with its cursor; `0` begins.
    package static func find(_ person: Person, in feeds: some Sequence<(name: String, cursor: String)>) -> Self {
        FunctionCall(
            "find_in_feeds", person.words + ["512"] + feeds.flatMap { [$0.name, $0.cursor] }, isReadOnly: true
        ) { FeedsPart($0) }
    }
}

/// What a call has found among the keys of the database.
package struct KeysPart: Equatable {
    package enum Found: Equatable {
        /// The record of a comment that the person owns, with an item of the comment, if one is left that is no deletion.
        case record(key: String, item: [UInt8]?)
        /// A channel without a history whose newest event is the person's.
        case state(channel: String, event: [UInt8])
        /// A count of the person's comments in a window of time.
        case rate(key: String)
    }

    /// Where the next call begins; `0` at the end.
    package let cursor: String
    package let looked: Int
    package let found: [Found]

    fileprivate init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 2, let cursor = parts[0].text, let looked = parts[1].integer
        else { return nil }
        self.cursor = cursor
        self.looked = Int(looked)
        found = parts[2...].compactMap { part in
            guard let fields = part.array, fields.count == 3, let key = fields[1].text else { return nil }
            return switch fields[0].text {
            case "record": .record(key: key, item: fields[2].bytes.flatMap { $0.isEmpty ? nil : $0 })
            case "state": fields[2].bytes.map { .state(channel: key, event: $0) }
            case "rate": .rate(key: key)
            default: nil
            }
        }
    }
}

extension FunctionCall where Answer == KeysPart {
    /// Finds what is a person's among the keys of the database.
    package static func findKeys(of person: Person, pipeline: String, from cursor: String) -> Self {
        FunctionCall("find_keys", [pipeline] + person.words + [cursor, "200"], isReadOnly: true) { KeysPart($0) }
    }
}

/// What became of a comment.
package struct ErasedComment: Equatable {
    /// Channels that its deletion was published in.
    package let channels: Int
    /// Items that were replaced by the deletion or retracted.
    package let items: Int
}

extension FunctionCall where Answer == ErasedComment {
    /// Deletes a comment in every history in which it stands, as its deletion by the web app would.
    ///
    /// - Parameters:
    ///   - comment: conversation, a NUL, id.
    ///   - deletion: the event that is published, and stands in the comment's place from then on.
    ///   - places: channels in which the comment was found, with the numbers of its items there.
    package static func erase(
        _ comment: [UInt8], by deletion: [UInt8], at places: [String: [String]], partition: Int,
        of layout: PipelineLayout
    ) -> Self {
        var call = FunctionCall("erase_comment", keys: ["\(layout.prefix(partition)):epoch"]) { value in
            guard let parts = value.array, parts.count == 2, let channels = parts[0].integer,
                let items = parts[1].integer
            else { return nil }
            return ErasedComment(channels: Int(channels), items: Int(items))
        }
        call.command.append(comment)
        call.command.append(deletion)
        for (channel, numbers) in places.sorted(by: { $0.key < $1.key }) {
            call.command.append(channel)
            call.command.append(String(numbers.count))
            for number in numbers { call.command.append(number) }
        }
        return call
    }
}

extension FunctionCall where Answer == Int {
    /// Makes the record of a comment of which no item is left that of a deletion by nobody that is known. Gives 1, or 0
    /// when it is not the person's any more.
    package static func eraseRecord(_ key: String, of person: Person) -> Self {
        FunctionCall("erase_record", keys: [key], [person.owner]) { $0.integer.map { Int($0) } }
    }

    /// Retracts items of a channel that name no comment. Gives how many were there.
    package static func retract(_ numbers: [String], from channel: String) -> Self {
        FunctionCall("erase_items", [channel] + numbers) { $0.integer.map { Int($0) } }
    }

    /// Removes a channel with its history. Gives 1, or 0 when there was none.
    package static func eraseChannel(_ channel: String) -> Self {
        FunctionCall("erase_channel", [channel]) { $0.integer.map { Int($0) } }
    }
}

extension FunctionCall where Answer == EventVersion? {
    /// The version of a comment (conversation, a NUL, id) that was published last; nil when no record says it.
    package static func findVersion(of comment: [UInt8], partition: Int, of layout: PipelineLayout) -> Self {
        var call = FunctionCall("find_version", keys: ["\(layout.prefix(partition)):epoch"], isReadOnly: true) {
            value in
            value.bytes.map { EventVersion($0) }
        }
        call.command.append(comment)
        return call
    }
}
