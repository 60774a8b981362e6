package import JSON
package import Store

/// Who posts comments, as the head of the request shows it.
public final class CommentWriter: Sendable, Equatable {
    enum Identity: Equatable, Sendable {
        /// The web app, by the index of its API key.
        case app(apiKey: Int)
        /// The holder of a verified token.
        case person(PersonClaims)
        /// Somebody, by the fingerprint of an edit key.
        case anonymous(EditKey, fingerprint: String)
    }

    let identity: Identity

    init(_ identity: Identity) {
        self.identity = identity
    }

    public static func == (one: CommentWriter, other: CommentWriter) -> Bool { one.identity == other.identity }

    /// The index of the API key, whose rate limit applies.
    var apiKey: Int? {
        if case .app(let index) = identity { index } else { nil }
    }

    /// The person whom a token names.
    var subject: String? {
        if case .person(let person) = identity { person.subject } else { nil }
    }

    /// The edit key that the answer has to tell; nil when the client has one, or needs none.
    var newKey: EditKey? {
        if case .anonymous(let key, _) = identity, key.isNew { key } else { nil }
    }

    /// The types that everybody may send. Others are for the web app and for moderators: a stranger could close a
    /// conversation with one, or make readers believe what only the web app says.
    static let openTypes = ["comment.created", "comment.edited", "comment.deleted"]

    /// What the pipeline and the web app say about a comment. Nobody else may.
    private static let reserved = ["received_at", "html", "channels", "mentions", "by_moderator"]

    /// A posted event as this writer may send it, and its sender.
    ///
    /// The web app's is as it was sent. Of everybody else's, the author is the one of the token, or has no `id`, and members
    /// are gone that only the pipeline and the web app set.
    ///
    /// - Parameter fields: the event, which names a conversation.
    /// - Throws: ``PostRefusal``.
    package func attribute(_ fields: JSONObject) throws(PostRefusal) -> (fields: JSONObject, sender: Sender) {
        // Two members of one name say two things: which one counts depends on the reader.
        if let name = fields.duplicateKey { throw .duplicate(name) }
        let channels = CommentWriter.channels(of: fields)
        let sender: Sender
        var author: PostedAuthor
        switch identity {
        case .app: return (fields, .app)
        case .person(let person):
            sender = try person.sender(into: channels)
            author = try PostedAuthor(fields["author"])
            // A moderator edits what others have written, and does not become its author.
            if sender.isModerator, fields["type"]?.string == "comment.edited",
                let written = ConversationKey.name(fields["author"]?["id"])
            {
                author.id = written
            } else {
                author.id = person.subject
                if let name = person.name { author.name = name }
            }
        case .anonymous(_, let fingerprint):
            guard let made = Sender(fingerprint: fingerprint) else { throw .sender }
            sender = made
            author = try PostedAuthor(fields["author"])
        }
        if let type = fields["type"], !type.isNull, !sender.isModerator,
            !CommentWriter.openTypes.contains(where: { type.string?.utf8.elementsEqual($0.utf8) ?? false })
        {
            throw .type
        }
        var result = fields
        for name in CommentWriter.reserved where !(name == "by_moderator" && sender.isModerator) { result[name] = nil }
        result["author"] = author.json
        return (result, sender)
    }

    /// The channels that an event names: its conversation's, and its forum's.
    private static func channels(of fields: JSONObject) -> [String] {
        let thread = ConversationKey.conversation(of: fields).map { "thread:\($0)" }
        let forum = ConversationKey.name(fields["forum"]).map { "forum:\($0)" }
        return [thread ?? "thread:", forum].compactMap { $0 }
    }
}

/// Why a posted event is not taken from its writer.
package enum PostRefusal: Error, Equatable {
    /// 403: the token's `write` does not name this channel.
    case scope(String)
    /// 403: a type for the web app and moderators.
    case type
    /// 400: a member stands twice.
    case duplicate(String)
    /// 400: the author cannot be used; says what to correct.
    case author(String)
    /// 403: no sender can be made of what was verified.
    case sender

    /// Whether another writer could send it.
    package var isForbidden: Bool {
        switch self {
        case .scope, .type, .sender: true
        case .duplicate, .author: false
        }
    }

    package var message: String {
        switch self {
        case .scope(let channel):
            "the token may not post into \(channel.prefix(100)): its claim write has to name every channel of the comment"
        case .type:
            "only the web app, with an API key, and moderators send other types than "
                + CommentWriter.openTypes.joined(separator: ", ")
        case .duplicate(let name): "the member `\(name.prefix(100))` stands twice: send it once"
        case .author(let problem): problem
        case .sender: "the writer cannot be a sender: get a new token or edit key"
        }
    }
}

extension JSONObject {
    /// A key that two members have, or that nobody can tell apart; nil when there is none.
    fileprivate var duplicateKey: String? {
        // An event has a dozen members, for which hashing would cost more than it saves.
        if count <= 32 {
            return members.indices.first { index in members[..<index].contains { $0.key == members[index].key } }
                .map { members[$0].key }
        }
        var seen: Set<String> = []
        return members.first { !seen.insert($0.key).inserted }?.key
    }
}
