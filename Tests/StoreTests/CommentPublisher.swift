import JSON
import Redis
import TestSupport
import Testing

@testable import Store

/// Publishes events of comments as the lane of the stage `publish` does: one call of ``publish(_:)`` is one commit.
final class CommentPublisher {
    /// One event of a comment. Its version is `7-NUMBER-0`.
    struct Change {
        var kind: String
        var number: Int
        var id = "c"
        var thread = "42"
        var by = "app"
        var channels = ["x"]
        /// What readers see, in the member `html`; a deletion has none.
        var text = ""
        /// The member `author.id`; empty: there is none.
        var author = ""
        /// Whether a new comment ends here, so that the commit names it without a change.
        var isPlain = true

        static func created(
            _ number: Int, id: String = "c", by: String = "app", _ channels: String..., text: String = ""
        ) -> Change {
            Change(kind: "created", number: number, id: id, by: by, channels: channels, text: text)
        }

        static func edited(
            _ number: Int, id: String = "c", by: String = "app", _ channels: String..., text: String = ""
        ) -> Change {
            Change(kind: "edited", number: number, id: id, by: by, channels: channels, text: text)
        }

        static func deleted(_ number: Int, id: String = "c", by: String = "app", _ channels: String...) -> Change {
            Change(kind: "deleted", number: number, id: id, by: by, channels: channels)
        }

        /// The closing or the opening of a conversation.
        static func conversation(
            _ kind: ConversationChange.Kind, _ number: Int, thread: String = "42", _ channels: String...
        ) -> Change {
            Change(kind: kind.rawValue, number: number, id: "", thread: thread, channels: channels)
        }

        var event: String {
            if let kind = ConversationChange.Kind(rawValue: kind) {
                return #"{"thread":"\#(thread)","type":"\#(kind.type)","n":\#(number)}"#
            }
            let html = text.isEmpty ? "" : #","html":"\#(text)""#
            let author = author.isEmpty ? "" : #","author":{"id":"\#(author)"}"#
            return #"{"thread":"\#(thread)","id":"\#(id)","type":"comment.\#(kind)","n":\#(number)\#(author)\#(html)}"#
        }
    }

    let library: TidingsLibrary
    let token: String
    var history = 100
    var lifetime: Int64 = 60_000
    private let layout = PipelineLayout(name: "t", partitions: 1, stages: ["a"])
    private let lane = LaneID(stage: "a", partition: 0)
    private let parser = JSONParser(maxBytes: 1 << 20)
    private var serial = 0

    init() throws {
        library = try TidingsLibrary(stages: "a")
        token = try library.token(of: "w1")
    }

    /// One commit with these events.
    @discardableResult
    func publish(_ changes: [Change]) throws -> CommitAnswer {
        try library.enqueue(changes.map(\.event))
        return try library.call(.commit(commit(changes), of: layout))
    }

    @discardableResult
    func publish(_ changes: Change...) throws -> CommitAnswer { try publish(changes) }

    private func commit(_ changes: [Change]) throws -> Commit {
        serial += 1
        let raw = changes.map { Array($0.event.utf8) }
        var commit = Commit(lane: lane, token: token, serial: serial, taking: raw[...], lease: 60_000)
        var list = Commit.Changes(heldEvents: 10, lifetime: lifetime)
        var publication = Commit.Publication(
            history: HistoryPolicies(
                kinds: ["post": .state], others: .log(events: history), lifetime: lifetime), deadLetters: 10)
        var places: [String: Int] = [:]
        for (index, change) in changes.enumerated() {
            let sender = try #require(Sender(change.by))
            let version = EventVersion(token: "7", serial: change.number, index: 0)
            let fields = try parser.parseObject(raw[index])
            let comment = CommentChange(of: fields)
            if let closing = ConversationChange(of: fields) {
                publication.posts[index] = .conversation(closing)
            } else if change.kind == "created", change.isPlain {
                publication.posts[index] = .new(try #require(comment), version, by: sender)
            } else {
                let comment = try #require(comment)
                publication.posts[index] = .change(list.list.count)
                list.list.append(Commit.Change(.go, comment, version, by: sender, text: raw[index]))
            }
            publication.events.append(raw[index])
            for name in change.channels {
                if let known = places[name] {
                    publication.channels[known].events.append(index)
                } else {
                    places[name] = publication.channels.count
                    publication.channels.append((name, [index]))
                }
            }
        }
        if !list.list.isEmpty { commit.operations.append(.change(list)) }
        commit.operations.append(.publish(publication))
        let closings = changes.count { ConversationChange.Kind(rawValue: $0.kind) != nil }
        if closings > 0 { commit.operations.append(.count("out", closings)) }
        return commit
    }

    /// A channel's items by their numbers, in order: number, then the member `n`.
    func items(_ channel: String = "x") throws -> [[Int64]] {
        try rawItems(channel).map {
            [Int64($0.number), Int64(try ParsedJSON(parsing: $0.event)["n"]?.integer ?? 0)]
        }
    }

    func rawItems(_ channel: String) throws -> [(number: Int, event: String)] {
        let ids = try library.redis.ask("ZRANGE", "feed.ids:{\(channel)}", "0", "-1").array?.compactMap(\.text) ?? []
        let fields = try library.redis.ask("HGETALL", "feed.items:{\(channel)}").array?.compactMap(\.text) ?? []
        #expect(Set(ids).count * 2 == fields.count, "the ids and the items of \(channel) differ")
        return try ids.map { id in
            let place = try #require(fields.firstIndex(of: id), "\(channel) has no item \(id)")
            return (try #require(Int(id)), fields[place + 1])
        }
    }

    /// VERSION KIND OWNER PLACES.
    func record(_ id: String = "c") throws -> String? {
        try library.redis.ask("GET", "{t.0}:post:42\0\(id)").text
    }

    func born(_ channel: String = "x") throws -> String {
        try library.redis.ask("HGET", "feed.config:{\(channel)}", "born").text ?? ""
    }

    func counters(_ names: String...) throws -> [Int64] { try names.map { try library.counter($0) } }

    /// Every byte that the server stores.
    func everything() throws -> String {
        var all = ""
        for key in (try library.redis.ask("KEYS", "*").array?.compactMap(\.text) ?? []).sorted() {
            all += key + "\n"
            switch try library.redis.ask("TYPE", key).text {
            case "hash": all += try library.redis.ask("HGETALL", key).line
            case "list": all += try library.redis.ask("LRANGE", key, "0", "-1").line
            case "string": all += try library.redis.ask("GET", key).text ?? ""
            case "set": all += try library.redis.ask("SMEMBERS", key).line
            default: all += try library.redis.ask("ZRANGE", key, "0", "-1").line
            }
        }
        return all
    }
}
