import JSON
import Pipeline
import Redis
import Store

/// A person's comments as they are found, each with its newest version and all places.
struct PersonExport {
    /// Where a version of a comment stands.
    private enum State: String {
        case published
        case queued
        case held
        case dead
    }

    private struct Version {
        let state: State
        let event: JSONObject
        /// Nil for an item of a history, whose record tells, and before the first stage.
        let version: EventVersion?
    }

    private struct Comment {
        var thread: String?
        var id: String?
        var versions: [Version] = []
        var places: [JSON] = []
    }

    private var comments: [[UInt8]: Comment] = [:]
    /// In the order in which they were found.
    private var order: [[UInt8]] = []
    private let parser = JSONParser(maxBytes: 512 << 20)

    /// Looks at the places in the order in which events pass them: what moves on meanwhile is found twice and not missed.
    mutating func collect(_ search: PersonSearch) throws {
        search.begin()
        for lane in search.lanesWithLetters {
            for kind in [SetAsideEvent.Kind.held, .dead] {
                try search.look(at: .letters(kind, lane)) { part in
                    for element in part.elements {
                        guard let letter = try? parser.parseObject(element) else { continue }
                        let content = SetAsideEvent(letter)
                        add(
                            content.event, kind == .held ? .held : .dead,
                            at: [(kind.rawValue, .string(content.id))])
                    }
                }
            }
        }
        for lane in search.lanesInOrder {
            try search.look(at: .queue(lane)) { part in
                let queue = JSON.string(search.layout.queue(lane))
                for element in part.elements { add(element, .queued, at: [("queue", queue)]) }
            }
        }
        var known: [(item: [UInt8], place: [(key: String, value: JSON)])] = []
        try search.keys { found in
            switch found {
            case .record(_, let item?): known.append((item, []))
            case .state(let channel, let event): known.append((event, [("channel", .string(channel))]))
            default: break
            }
        }
        try search.histories { channel, items in
            for item in items {
                let number = Int64(item.number).map(JSON.int) ?? .string(item.number)
                add(item.event, .published, at: [("channel", .string(channel)), ("number", number)])
            }
        }
        for (item, place) in known { add(item, .published, at: place) }
    }

    private mutating func add(_ element: [UInt8], _ state: State, at place: [(key: String, value: JSON)]) {
        guard var fields = try? parser.parseObject(element) else { return }
        let members = LeadingMembers(of: element, parser: parser)
        if state != .published { for name in LeadingMembers.names { fields[name] = nil } }
        let thread = ConversationKey.conversation(of: fields)
        let id = ConversationKey.name(fields["id"])
        // An event without an id, before the first stage, is a comment of its own.
        let post = id.map { [UInt8]((thread ?? "").utf8) + [0] + $0.utf8 } ?? [0, 0] + String(order.count).utf8
        if comments[post] == nil { order.append(post) }
        var comment = comments[post] ?? Comment(thread: thread, id: id)
        comment.versions.append(Version(state: state, event: fields, version: members.version))
        if !place.isEmpty { comment.places.append(.object(JSONObject(members: place))) }
        comments[post] = comment
    }

    /// The comments, a line each.
    func lines(_ search: PersonSearch) throws -> [String] {
        try order.compactMap { post in
            guard let comment = comments[post] else { return nil }
            let newest = try newest(of: comment, post, search)
            var line = JSONObject()
            if let thread = comment.thread { line["thread"] = .string(thread) }
            if let id = comment.id { line["id"] = .string(id) }
            line["state"] = .string(newest.state.rawValue)
            line["places"] = .array(comment.places)
            line["event"] = .object(newest.event)
            return line.text
        }
    }

    /// Versions decide, as at publication. What has none yet is on its way to the first stage, and newer than the others.
    private func newest(of comment: Comment, _ post: [UInt8], _ search: PersonSearch) throws -> Version {
        var published: EventVersion?
        if comment.versions.count > 1, comment.versions.contains(where: { $0.state == .published }) {
            published = try search.client.call(
                .findVersion(
                    of: post, partition: search.layout.partition(of: comment.thread ?? ""), of: search.layout))
        }
        var newest = comment.versions[0]
        for version in comment.versions.dropFirst() {
            func number(_ version: Version) -> EventVersion? {
                version.state == .published ? published : version.version
            }
            if newest.state == .published, version.state == .published { continue }
            guard let own = number(version) else {
                if version.state == .queued { newest = version }
                continue
            }
            if let other = number(newest) {
                if other.isOlder(than: own) { newest = version }
            } else if newest.state == .dead {
                newest = version
            }
        }
        return newest
    }
}
